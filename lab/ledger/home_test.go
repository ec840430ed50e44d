package ledger

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchlab/patchlab/lab"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(childEnv) != "" {
		os.Exit(child(os.Args[len(os.Args)-1]))
	}
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // the fuzzing engine leaves goroutines of its own
	}
	goleak.VerifyTestMain(m)
}

// home is a host's PATCHLAB_HOME with a clock that goes an hour at each look.
type home struct {
	*Ledger
	dir string
	now time.Time
}

func newHome(t testing.TB) *home {
	t.Helper()
	return homeAt(t.TempDir())
}

func homeAt(dir string) *home {
	h := &home{dir: dir, now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	h.Ledger = &Ledger{Dir: filepath.Join(dir, "ledger"), Runs: filepath.Join(dir, "runs"), Host: "nest", Now: func() time.Time {
		h.now = h.now.Add(time.Hour)
		return h.now
	}}
	return h
}

// record keeps a run record, n hours after a fixed time, that is not entered.
func (h *home) record(t testing.TB, labName string, n int, v lab.Verdict) *lab.Record {
	t.Helper()
	started := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
	rec := &lab.Record{
		Version: lab.RecordVersion, Lab: labName, Client: "Client of " + labName,
		Run: started.Format("20060102-150405") + fmt.Sprintf("-%04x", n), Started: started, Seconds: 12.5,
		Patch: lab.PatchRecord{Name: "fix", Kind: lab.PatchDeb, SHA256: sumText(fmt.Sprint(n)), Files: []lab.FileRecord{
			{Name: "patches/fix.deb", SHA256: sumText(fmt.Sprint("file", n)), Size: 7},
		}},
		Definition: lab.Fingerprint{Dir: "/labs/" + labName, SHA256: sumText(labName), Parts: map[string]string{`machine "web"`: "0123456789abcdef"}},
		Verdict:    v, Reason: "because", Machines: []lab.MachineRecord{{Name: "web", Target: true, Verified: true}},
		Tool: lab.ToolRecord{Patchlab: "1.0", Host: "nest"},
	}
	rec.Dir = filepath.Join(h.Runs, rec.Lab, rec.Run)
	text, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{recordFile: string(text), "logs/web.log": "booted\n", "report.html": "<p>"} {
		path = filepath.Join(rec.Dir, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
	must(t, WriteSums(rec.Dir))
	return rec
}

// run keeps a run record and enters it.
func (h *home) run(t testing.TB, labName string, n int, v lab.Verdict) *lab.Record {
	t.Helper()
	rec := h.record(t, labName, n, v)
	_, err := h.Enter(rec)
	must(t, err)
	return rec
}

func (h *home) decide(t testing.TB, kind Kind, rec *lab.Record, until time.Time) {
	t.Helper()
	_, err := h.Decide(kind, &lab.Lab{Name: rec.Lab, Client: rec.Client}, rec.Patch, rec.Definition, Decision{By: "jane", Reason: "so", Until: until})
	must(t, err)
}

// verified is what Verify found.
func (h *home) verified(t testing.TB) *Verified {
	t.Helper()
	v, err := h.Verify(t.Context(), "")
	must(t, err)
	return v
}

// sound fails when Verify finds a problem, or other notes than so many.
func (h *home) sound(t testing.TB, notes int) *Verified {
	t.Helper()
	v := h.verified(t)
	if len(v.Problems) > 0 || len(v.Notes) != notes {
		t.Errorf("problems %v, notes %v; want none, and %d notes", v.Problems, v.Notes, notes)
	}
	return v
}

// found fails unless Verify finds a problem that says so.
func (h *home) found(t testing.TB, text string) {
	t.Helper()
	v := h.verified(t)
	if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return strings.Contains(p.String(), text) }) {
		t.Errorf("problems %v; want one with %q", v.Problems, text)
	}
}

func (h *home) path(parts ...string) string {
	return filepath.Join(append([]string{h.dir}, parts...)...)
}

// lines are the lines of the ledger with their line ends.
func (h *home) lines(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(h.path("ledger", linesFile))
	must(t, err)
	return strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")[:strings.Count(string(text), "\n")]
}

func (h *home) setLines(t testing.TB, lines ...string) {
	t.Helper()
	must(t, os.WriteFile(h.path("ledger", linesFile), []byte(strings.Join(lines, "")), 0o600))
}

// ids are the ids of the runs that a filter picks.
func (h *home) ids(t testing.TB, f Filter) (ids []string) {
	t.Helper()
	list, err := h.Entries(f)
	must(t, err)
	for _, e := range list {
		if e.Run != nil {
			ids = append(ids, e.Run.ID)
		}
	}
	return ids
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantTampered(t testing.TB, err error, text string) {
	t.Helper()
	if !errors.Is(err, ErrTampered) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v; want ErrTampered with %q", err, text)
	}
}

func wantUsage(t testing.TB, err error, text string) {
	t.Helper()
	u, ok := errors.AsType[*lab.UsageError](err)
	if !ok || !strings.Contains(u.Error()+" "+u.Hint, text) {
		t.Errorf("error %v; want a usage error with %q", err, text)
	}
}

// snapshot is all that is below a folder: paths, kinds and contents.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockFile {
			return err
		}
		text, err := os.ReadFile(path)
		out[path] = string(text)
		return err
	}))
	return out
}

// writeAll makes a folder with files.
func writeAll(dir string, files map[string][]byte) error {
	err := os.MkdirAll(dir, 0o700)
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return err
}
