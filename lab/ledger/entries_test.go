package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func TestEntries(t *testing.T) {
	h := newHome(t)
	a := h.run(t, "dental", 5, lab.Pass)
	b := h.run(t, "vet", 3, lab.Fail)
	c := h.run(t, "dental", 4, lab.Inconclusive)
	h.decide(t, Approve, c, time.Time{})
	for _, k := range []struct {
		f    Filter
		want []string
	}{
		{Filter{}, []string{a.Run, c.Run, b.Run}},
		{Filter{Lab: "dental"}, []string{a.Run, c.Run}},
		{Filter{Lab: "dent"}, nil},
		{Filter{Client: "Client of vet"}, []string{b.Run}},
		{Filter{Patch: "fix"}, []string{a.Run, c.Run, b.Run}},
		{Filter{Patch: "fix.deb", Kinds: []Kind{Run}, Limit: 1}, []string{a.Run}},
		{Filter{Patch: "patches/fix.deb", Verdict: lab.Fail}, []string{b.Run}},
		{Filter{Patch: b.Patch.SHA256[:8]}, []string{b.Run}},
		{Filter{Patch: string(bytes.ToUpper([]byte(b.Patch.Files[0].SHA256)))}, []string{b.Run}},
		{Filter{Patch: b.Patch.SHA256[:7]}, nil},
		{Filter{Verdict: lab.Pass}, []string{a.Run}},
		{Filter{Since: c.Started}, []string{a.Run, c.Run}},
		{Filter{Kinds: []Kind{Run, Approve}, Limit: 3, Since: b.Started.Add(1)}, []string{a.Run, c.Run}},
		{Filter{Kinds: []Kind{Approve}}, nil},
	} {
		if got := h.ids(t, k.f); !slices.Equal(got, k.want) {
			t.Errorf("%+v: %q, want %q", k.f, got, k.want)
		}
	}
	list, err := h.Entries(Filter{})
	must(t, err)
	if len(list) != 5 || list[0].Kind != Approve || list[4].Kind != Begin { // approved when the newest run started, and entered later
		t.Errorf("%d entries, the first a %s, the last a %s", len(list), list[0].Kind, list[4].Kind)
	}
	for _, e := range list {
		if lineSum(e.Line) == zeros || e.Of != list[0].Of || len(e.Of) != 32 {
			t.Errorf("entry %d of %q", e.Seq, e.Of)
		}
	}
}

// TestSieve compares what is picked by way of the sieve with what is picked of
// all entries, for many filters and names that need escapes.
func TestSieve(t *testing.T) {
	h := newHome(t)
	clients := []string{"", "A & <b>", `quote " and \`, "Ünïted\u2028", `x","verdict":"pass`, `","started":"2000-01-01T00:00:00Z`}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 150 {
		rec := h.record(t, fmt.Sprintf("lab-%d", n%5), r.IntN(1000), []lab.Verdict{lab.Pass, lab.Fail, lab.Inconclusive}[n%3])
		rec.Client = clients[r.IntN(len(clients))]
		rec.Patch.Name, rec.Patch.Files[0].Name = "p"+clients[r.IntN(len(clients))], "dir/"+clients[r.IntN(len(clients))]
		_, err := h.Enter(rec)
		must(t, err)
		if n%7 == 0 {
			h.decide(t, Reject, rec, time.Time{})
		}
	}
	all, err := h.Entries(Filter{})
	must(t, err)
	if !slices.IsSortedFunc(all, func(a, b Entry) int { return b.When().Compare(a.When()) }) {
		t.Error("not sorted")
	}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	for range 400 {
		f := Filter{
			Lab: pick("", "lab-1", "lab-9"), Client: pick(append(clients, "", "")...), Verdict: lab.Verdict(pick("", "pass", "fail")),
			Patch: pick("", "", "p", `pquote " and \`, "A & <b>", all[r.IntN(10)].Definition.SHA256), Limit: r.IntN(5) * 3,
		}
		if r.IntN(3) == 0 {
			f.Kinds, f.Since = []Kind{Run, Reject}, all[r.IntN(len(all))].When()
		}
		var want []int
		for i := range all {
			if f.picks(&all[i]) && (f.Limit == 0 || len(want) < f.Limit) {
				want = append(want, all[i].Seq)
			}
		}
		list, err := h.Entries(f)
		must(t, err)
		var got []int
		for _, e := range list {
			got = append(got, e.Seq)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", f, got, want)
		}
	}
}

// FuzzLines reads lines that anybody may have written as a ledger, as they are
// and with a chain that holds: it must not fail otherwise than with problems
// or ErrTampered, nor accept what is no ledger or leads elsewhere.
func FuzzLines(f *testing.F) {
	h := newHome(f)
	h.run(f, "dental", 1, lab.Pass)
	var rest [][]byte
	for _, l := range h.linesOf(f) {
		rest = append(rest, l[len(linePrefix)+64+len(lineSeq):])
	}
	f.Add(append(bytes.Join(h.linesOf(f), []byte{'\n'}), '\n'), false)
	f.Add(bytes.Join(h.linesOf(f), []byte{'\n'}), false)
	f.Add([]byte("\n\n"), false)
	f.Add(append(bytes.Join(rest, []byte{'\n'}), '\n'), true)
	f.Add([]byte(string(rest[0])+"\n"+`2,"kind":"merge","merged":{"ledger":"x"}}`+"\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, chained bool) {
		c := &chain{}
		c.split(text)
		if chained {
			last := zeros
			for i, l := range c.lines {
				c.lines[i] = append([]byte(linePrefix+last+lineSeq), l...)
				last = lineSum(c.lines[i])
			}
		}
		if len(c.follow(false)) > 0 || len(c.lines) == 0 {
			return
		}
		if !ledgerID.MatchString(c.id) {
			t.Errorf("a ledger with the id %q", c.id)
		}
		s := &shelf{books: []*book{{id: c.id, chain: c, lines: c.lines}}}
		for id := range s.merges() {
			if !ledgerID.MatchString(id) || id == c.id {
				t.Errorf("a merge of %q", id)
			}
		}
		list, err := s.entries(Filter{})
		if err != nil {
			if !errors.Is(err, ErrTampered) {
				t.Error(err)
			}
			return
		}
		for _, e := range list {
			if e.Kind == Run && !filepath.IsLocal(filepath.Join(e.Lab, e.Run.ID)) {
				t.Errorf("run %q of lab %q", e.Run.ID, e.Lab)
			}
			claimOf(e.Line)
		}
		standing(list, h.now)
		removed(list)
	})
}

// linesOf are the ledger's lines without their ends.
func (h *home) linesOf(t testing.TB) [][]byte {
	s, err := h.whole()
	must(t, err)
	defer s.Close()
	return s.own().lines
}

// big makes a ledger of so many runs on 20 labs, of lines as a real one has.
func big(b *testing.B, runs int) *home {
	b.Helper()
	h := newHome(b)
	parts := map[string]string{}
	for _, p := range []string{`image "server"`, `network "office"`, `machine "db"`, `machine "web"`, `machine "desk"`, `check "booking page shows free slots"`, `check "database"`, `patch "apache-security"`} {
		parts[p] = "0123456789abcdef"
	}
	var text bytes.Buffer
	prev := zeros
	for n := range runs + 1 {
		started := h.now.Add(time.Duration(n) * 10 * time.Minute)
		e := Entry{Prev: prev, Seq: n + 1, Version: Version, Time: started, Host: "nest", Kind: Begin, Ledger: sumText("x")[:32]}
		if n > 0 {
			sum := sumText(fmt.Sprint(n))
			e.Kind, e.Ledger, e.Lab, e.Client = Run, "", fmt.Sprintf("lab-%d", n%20), "Harbour Dental"
			e.Patch = &lab.PatchRecord{Name: "apache-security", Kind: lab.PatchDeb, SHA256: sum, Files: []lab.FileRecord{
				{Name: "patches/apache2_2.4.62-1_amd64.deb", SHA256: sum, Size: 1000, Package: "apache2", Version: "2.4.62-1", Arch: "amd64"},
			}}
			e.Definition = &lab.Fingerprint{Dir: "/srv/labs/dental", SHA256: sum, Parts: parts}
			e.Run = &RunEntry{
				ID: started.Format("20060102-150405-beef"), Started: started, Seconds: 321.5, Verdict: lab.Pass, Targets: []string{"web"}, Sums: sum,
				Reason: "the patch was applied everywhere, and every check is as it was before", Tool: &lab.ToolRecord{Patchlab: "1.0", Accel: "kvm", Host: "nest", QEMU: "7.2.22"},
			}
		}
		line, err := json.Marshal(e)
		must(b, err)
		prev = lineSum(line)
		text.Write(append(line, '\n'))
	}
	must(b, writeAll(h.Dir, map[string][]byte{linesFile: text.Bytes(), headFile: headText(runs+1, prev)}))
	b.Logf("%d bytes an entry", text.Len()/(runs+1))
	return h
}

func BenchmarkEntries10k(b *testing.B) {
	h := big(b, 10000)
	for _, c := range []struct {
		name string
		f    Filter
		want int
	}{
		{"lab", Filter{Lab: "lab-3"}, 500},
		{"patch", Filter{Patch: sumText("77")}, 1},
		{"newest", Filter{Limit: 20}, 20},
		{"all", Filter{}, 10001},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if list, err := h.Entries(c.f); err != nil || len(list) != c.want {
					b.Fatal(len(list), err)
				}
			}
		})
	}
}

func BenchmarkEnter10k(b *testing.B) {
	h := big(b, 10000)
	n := 100000
	for b.Loop() {
		b.StopTimer()
		n++
		rec := h.record(b, "dental", n, lab.Pass)
		b.StartTimer()
		if _, err := h.Enter(rec); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAbout looks for what is called so: a lab first, then a patch.
func TestAbout(t *testing.T) {
	h := newHome(t)
	a := h.run(t, "dental", 5, lab.Pass)
	b := h.run(t, "fix", 3, lab.Fail) // a lab of the patch's name
	c := h.run(t, "dental", 4, lab.Pass)
	for _, k := range []struct {
		ref   string
		f     Filter
		known bool
		want  []string
	}{
		{"dental", Filter{}, true, []string{a.Run, c.Run}},
		{"dental", Filter{Limit: 1}, true, []string{a.Run}},
		{"dental", Filter{Verdict: lab.Fail}, true, nil},
		{"fix", Filter{}, true, []string{b.Run}},
		{"fix.deb", Filter{}, true, []string{a.Run, c.Run, b.Run}},
		{"dental", Filter{Patch: "fix", Limit: 1}, true, []string{a.Run}},
		{"dental", Filter{Patch: "other"}, true, nil},
		{"fix.deb", Filter{Patch: "fix"}, false, nil},
		{"fix.deb", Filter{Kinds: []Kind{Approve}}, false, nil},
		{"nobody", Filter{}, false, nil},
	} {
		list, known, err := h.About(k.ref, k.f)
		must(t, err)
		var got []string
		for _, e := range list {
			if e.Run != nil {
				got = append(got, e.Run.ID)
			}
		}
		if known != k.known || !slices.Equal(got, k.want) {
			t.Errorf("%q of %+v: %q, known %v", k.ref, k.f, got, known)
		}
	}
	lines := h.lines(t)
	h.setLines(t, lines[1:]...)
	_, _, err := h.About("dental", Filter{})
	wantTampered(t, err, "")
}
