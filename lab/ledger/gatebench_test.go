package ledger

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// BenchmarkGate asks a ledger of 10,000 runs, all of one lab, or of a hundred
// labs, about a file that passed, and about one that nobody knows.
func BenchmarkGate(b *testing.B) {
	for _, labs := range []int{1, 100} {
		h := newHome(b)
		now := lab.Fingerprint{Parts: map[string]string{`machine "web"`: "1"}}
		for i := range 20 {
			now.Parts[fmt.Sprintf("check %q", fmt.Sprint("page ", i))] = sumText(fmt.Sprint(i))[:16]
		}
		entries := make([]Entry, 10000)
		for i := range entries {
			e := ran(float64(len(entries)-i)/20, lab.Pass, fmt.Sprint("a", i), fmt.Sprint("b", i))
			e.Lab, e.Definition, e.Run.ID = fmt.Sprint("lab", i%labs), &now, fmt.Sprintf("20261123-000000-%04x", i)
			entries[i] = e
		}
		must(b, h.fill(entries))
		rec := h.record(b, "lab0", 1, lab.Pass)
		must(b, os.Rename(rec.Dir, filepath.Join(h.Runs, "lab0", entries[len(entries)-labs].Run.ID)))
		h.Now = func() time.Time { return noon }
		for what, content := range map[string]string{"known": fmt.Sprint("a", len(entries)-labs), "unknown": "x"} {
			path := filepath.Join(b.TempDir(), "a.deb")
			must(b, os.WriteFile(path, []byte(content), 0o600))
			b.Run(fmt.Sprintf("%s of %d labs", what, labs), func(b *testing.B) {
				for b.Loop() {
					answers, err := h.Gate(Question{Lab: "lab0", Now: now, Files: []string{path}})
					must(b, err)
					if answers[0].Refusal == "" {
						b.Fatal(answers)
					}
				}
			})
		}
	}
}

// fill makes a ledger of entries, without the time that adding them takes.
func (h *home) fill(entries []Entry) error {
	prev := fmt.Sprintf("%064d", 0)
	var text []byte
	entries = append([]Entry{{Kind: Begin, Ledger: sumText("x")[:32], Time: noon}}, entries...)
	for i, e := range entries {
		e.Prev, e.Seq, e.Version = prev, i+1, Version
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		prev = sumText(string(line))
		text = append(append(text, line...), '\n')
	}
	head, err := json.Marshal(Head{Entries: len(entries), SHA256: prev})
	if err != nil {
		return err
	}
	return writeAll(h.Dir, map[string][]byte{linesFile: text, headFile: append(head, '\n')})
}
