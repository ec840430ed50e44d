package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func (h *home) merge(t testing.TB, from *home) Merged {
	t.Helper()
	m, err := h.MergeFrom(t.Context(), from.dir)
	must(t, err)
	return m
}

func TestMerge(t *testing.T) {
	a, b := newHome(t), newHome(t)
	a.SealKey = key(t, "ed25519", "")
	one := a.run(t, "vet", 1, lab.Pass)
	two := a.run(t, "vet", 2, lab.Fail)
	b.run(t, "dental", 3, lab.Pass)
	if m := b.merge(t, a); m.Runs != 2 || m.Head.Entries != 3 || len(m.Missing) > 0 || len(m.Ledger) != 32 {
		t.Errorf("merged %+v", m)
	}
	if v := b.sound(t, 0); v.Ledgers != 2 || v.Entries != 6 || v.Runs != 3 || v.Seals != 3 {
		t.Errorf("verified %+v", v)
	}
	for _, name := range []string{linesFile, headFile, sealPath(2)} {
		theirs, err := os.ReadFile(filepath.Join(a.Dir, name))
		must(t, err)
		ours, err := os.ReadFile(b.path("ledger", hostsDir, b.merged(t), name))
		must(t, err)
		if string(theirs) != string(ours) {
			t.Errorf("%s is another", name)
		}
	}
	before := snapshot(t, b.dir)
	if m := b.merge(t, a); m.Runs != 0 || m.Head.Entries != 3 {
		t.Errorf("merged again %+v", m)
	}
	if !maps.Equal(before, snapshot(t, b.dir)) {
		t.Error("merging what is not new has changed something")
	}
	// What they add, also when they removed a record meanwhile that is here.
	a.run(t, "vet", 4, lab.Pass)
	must(t, a.Remove([]string{two.Dir}))
	if m := b.merge(t, a); m.Runs != 1 || m.Head.Entries != 5 {
		t.Errorf("merged more %+v", m)
	}
	if v := b.sound(t, 0); v.Runs != 4 || v.Pruned != 0 {
		t.Errorf("verified %+v", v)
	}
	// What went here by this host's own limits does not come back.
	dir, err := b.RunDir(two.Run)
	must(t, err)
	must(t, b.Remove([]string{dir}))
	a.run(t, "vet", 5, lab.Pass)
	if m := b.merge(t, a); m.Runs != 1 || len(m.Missing) > 0 {
		t.Errorf("merged %+v", m)
	}
	if v := b.sound(t, 0); v.Pruned != 1 {
		t.Errorf("verified %+v", v)
	}
	list, err := b.Entries(Filter{Lab: "vet", Kinds: []Kind{Run}})
	must(t, err)
	if len(list) != 4 || list[0].Of != b.merged(t) {
		t.Errorf("%d entries", len(list))
	}
	if e, err := b.Enter(one); err != nil || e.Of != b.merged(t) {
		t.Errorf("entered again: %+v, %v", e, err)
	}
	seal := b.path("ledger", hostsDir, b.merged(t), sealPath(2))
	text, err := os.ReadFile(seal)
	must(t, err)
	must(t, os.WriteFile(seal, []byte(strings.Replace(string(text), "A", "B", 1)), 0o600))
	b.found(t, "seals/2.sig: the seal does not hold")
	must(t, os.WriteFile(seal, text, 0o600))
	away := b.path("away")
	for path, want := range map[string]string{
		"":                                    "the end was cut off: there are 0 of 6 entries",
		filepath.Join(b.merged(t), headFile):  "head.json: is not as it was merged",
		filepath.Join(b.merged(t), linesFile): "there are 0 of 6",
	} {
		path = b.path("ledger", hostsDir, path)
		must(t, os.Rename(path, away))
		b.found(t, want)
		must(t, os.Rename(away, path))
	}
	if got, err := b.Adopt(); err != nil || len(got) > 0 {
		t.Errorf("adopted %v, %v", got, err)
	}
}

// merged is the id of the one ledger that was merged.
func (h *home) merged(t testing.TB) string {
	t.Helper()
	list, err := os.ReadDir(h.path("ledger", hostsDir))
	must(t, err)
	return list[0].Name()
}

// TestMergeRound merges in a circle of three hosts, twice.
func TestMergeRound(t *testing.T) {
	hosts := []*home{newHome(t), newHome(t), newHome(t)}
	for i, h := range hosts {
		h.run(t, fmt.Sprintf("lab-%d", i), i, lab.Pass)
	}
	hosts[1].merge(t, hosts[0])
	if m := hosts[2].merge(t, hosts[1]); m.Runs != 2 {
		t.Errorf("merged %+v", m)
	}
	if m := hosts[0].merge(t, hosts[2]); m.Runs != 2 {
		t.Errorf("merged %+v", m)
	}
	hosts[0].run(t, "lab-0", 9, lab.Fail)
	hosts[2].merge(t, hosts[0]) // directly, and more than by way of the other
	hosts[2].merge(t, hosts[1]) // whose copy is older
	hosts[1].merge(t, hosts[2])
	hosts[0].merge(t, hosts[1])
	for i, h := range hosts {
		if v := h.sound(t, 0); v.Ledgers != 3 || v.Runs != 4 {
			t.Errorf("host %d: verified %+v", i, v)
		}
		if got := h.ids(t, Filter{}); len(got) != 4 {
			t.Errorf("host %d: runs %q", i, got)
		}
	}
	_, err := hosts[0].MergeFrom(t.Context(), hosts[0].dir)
	wantUsage(t, err, "own ledger")
	hosts[0].sound(t, 0)
	// A host that was set back to an old copy of itself sees that it was.
	lines, old := hosts[0].lines(t), hosts[0]
	hosts[1].merge(t, old)
	old.setLines(t, lines[:2]...)
	must(t, os.WriteFile(old.path("ledger", headFile), headText(2, lineSum([]byte(strings.TrimSuffix(lines[1], "\n")))), 0o600))
	_, err = old.MergeFrom(t.Context(), hosts[1].dir)
	wantTampered(t, err, "entry 3 of ledger")
}

func TestMergeRefuses(t *testing.T) {
	type hosts struct{ a, b *home }
	for _, c := range []struct {
		name   string
		change func(t *testing.T, h hosts)
		want   string
	}{
		{"a line altered", func(t *testing.T, h hosts) {
			l := h.a.lines(t)
			h.a.setLines(t, l[0], strings.Replace(l[1], "pass", "fail", 1), l[2], l[3])
		}, "entry 2"},
		{"the end cut off", func(t *testing.T, h hosts) {
			l := h.a.lines(t)
			h.a.setLines(t, l[:2]...)
			must(t, os.WriteFile(h.a.path("ledger", headFile), headText(2, lineSum([]byte(strings.TrimSuffix(l[1], "\n")))), 0o600))
		}, "entry 3 of ledger"},
		{"another history", func(t *testing.T, h hosts) {
			l := h.a.lines(t)
			h.a.setLines(t, l[0])
			must(t, os.WriteFile(h.a.path("ledger", headFile), headText(1, lineSum([]byte(strings.TrimSuffix(l[0], "\n")))), 0o600))
			for n := range 4 {
				h.a.run(t, "vet", n+20, lab.Pass)
			}
		}, "entry 2 of ledger"},
		{"a record altered", func(t *testing.T, h hosts) {
			rec := h.a.run(t, "vet", 8, lab.Pass)
			must(t, os.WriteFile(filepath.Join(rec.Dir, "report.html"), nil, 0o600))
		}, "report.html: was altered"},
		{"a link in a record", func(t *testing.T, h hosts) {
			rec := h.a.run(t, "vet", 8, lab.Pass)
			must(t, os.Remove(filepath.Join(rec.Dir, "report.html")))
			must(t, os.Symlink("/etc/passwd", filepath.Join(rec.Dir, "report.html")))
		}, "report.html"},
		{"a pipe for a ledger", func(t *testing.T, h hosts) {
			must(t, os.Remove(h.a.path("ledger", linesFile)))
			must(t, syscall.Mkfifo(h.a.path("ledger", linesFile), 0o600))
		}, "not a regular file"},
		{"a run here with other contents", func(t *testing.T, h hosts) {
			h.a.run(t, "dental", 5, lab.Fail)
		}, "is here with other contents"},
		{"a name that leads elsewhere", func(t *testing.T, h hosts) { h.a.forge(t, `"lab":"vet"`, `"lab":"../x"`) }, "not names"},
		{"another number", func(t *testing.T, h hosts) { h.a.forge(t, `"seq":5`, `"seq":7`) }, "says that it is entry 7"},
		{"a second beginning", func(t *testing.T, h hosts) { h.a.forge(t, `"kind":"run"`, `"kind":"begin"`) }, "begins a ledger"},
		{"no entry", func(t *testing.T, h hosts) { h.a.forge(t, `"host":"nest"`, `"host":7`) }, "is no entry"},
		{"nothing said", func(t *testing.T, h hosts) { h.a.forge(t, `"patch":{`, `"other":{`) }, "says nothing"},
		{"too long", func(t *testing.T, h hosts) { h.a.forge(t, `"nest"`, `"`+strings.Repeat("x", maxLine)+`"`) }, "entry 5"},
		{"merged into itself", func(t *testing.T, h hosts) {
			id, err := h.a.Entries(Filter{})
			must(t, err)
			h.a.forge(t, `"kind":"run"`, `"kind":"merge","merged":{"ledger":"`+id[0].Of+`","head":{"entries":1,"sha256":"`+zeros+`"}},"ledger":"x"`)
		}, "does not say what was merged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hosts{newHome(t), newHome(t)}
			for n := range 3 {
				h.a.run(t, "vet", n, lab.Pass)
			}
			h.b.run(t, "dental", 5, lab.Pass)
			h.b.merge(t, h.a)
			before := snapshot(t, h.b.dir)
			c.change(t, h)
			_, err := h.b.MergeFrom(t.Context(), h.a.dir)
			wantTampered(t, err, c.want)
			if !maps.Equal(before, snapshot(t, h.b.dir)) {
				t.Error("something was taken over")
			}
			h.b.sound(t, 0)
		})
	}
}

// forge adds a run, and alters its entry as somebody does who can write a whole
// ledger.
func (h *home) forge(t testing.TB, old, text string) {
	t.Helper()
	h.run(t, "vet", 9, lab.Pass)
	l := h.lines(t)
	last := strings.Replace(strings.TrimSuffix(l[len(l)-1], "\n"), old, text, 1)
	h.setLines(t, append(l[:len(l)-1], last+"\n")...)
	must(t, os.WriteFile(h.path("ledger", headFile), headText(len(l), lineSum([]byte(last))), 0o600))
}

func TestMergeNowhere(t *testing.T) {
	h := newHome(t)
	_, err := h.MergeFrom(t.Context(), h.path("none"))
	wantUsage(t, err, "PATCHLAB_HOME")
	must(t, os.MkdirAll(h.path("empty/ledger"), 0o700))
	_, err = h.MergeFrom(t.Context(), h.path("empty"))
	wantUsage(t, err, "no ledger in")
	other := newHome(t)
	other.run(t, "vet", 1, lab.Pass)
	must(t, os.MkdirAll(h.path("link"), 0o700))
	must(t, os.Symlink(other.Dir, h.path("link/ledger")))
	_, err = h.MergeFrom(t.Context(), h.path("link"))
	wantUsage(t, err, "not a folder")
}

func TestMergeMissing(t *testing.T) {
	a, b := newHome(t), newHome(t)
	rec := a.run(t, "vet", 1, lab.Pass)
	a.run(t, "vet", 2, lab.Pass)
	away := a.path("away")
	must(t, os.Rename(rec.Dir, away))
	if m := b.merge(t, a); m.Runs != 1 || !slices.Equal(m.Missing, []string{"vet/" + rec.Run}) {
		t.Errorf("merged %+v", m)
	}
	b.sound(t, 1)
	must(t, os.Rename(away, rec.Dir))
	if m := b.merge(t, a); m.Runs != 1 || len(m.Missing) > 0 {
		t.Errorf("merged %+v", m)
	}
	b.sound(t, 0)
	must(t, os.RemoveAll(b.Runs))
	b.found(t, "its folder is gone")
}

// TestMergeDies lets a first and a second merge die before each of their
// steps: what they leave is no tampering and counts for nothing, and the next
// merge goes on. The lab's own sweep removes half copies.
func TestMergeDies(t *testing.T) {
	for _, again := range []bool{false, true} {
		for at := 1; ; at++ {
			a, b := newHome(t), newHome(t)
			c := newHome(t)
			c.run(t, "bakery", 7, lab.Pass)
			a.run(t, "vet", 1, lab.Pass)
			a.merge(t, c)
			b.run(t, "dental", 3, lab.Pass)
			if again {
				b.merge(t, a)
				a.run(t, "vet", 2, lab.Pass)
				c.run(t, "bakery", 8, lab.Pass)
				a.merge(t, c)
			}
			before, steps := b.ids(t, Filter{Lab: "vet"}), 0
			b.atStep = func(string) error {
				if steps++; steps >= at {
					return context.Canceled // and all steps after it: a process that is dead
				}
				return nil
			}
			_, err := b.MergeFrom(t.Context(), a.dir)
			if err == nil {
				if at < 10 {
					t.Errorf("a merge has %d steps", at)
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			b.atStep = nil
			if v := b.verified(t); len(v.Problems) > 0 {
				t.Errorf("step %d: problems %v", at, v.Problems)
			}
			if got := b.ids(t, Filter{Lab: "vet"}); !slices.Equal(got, before) {
				t.Errorf("step %d: runs %q, want %q", at, got, before)
			}
			if got, err := b.Adopt(); err != nil || len(got) > 0 {
				t.Errorf("step %d: adopted %v, %v", at, got, err)
			}
			b.merge(t, a)
			b.sound(t, 0)
			if got := b.ids(t, Filter{Lab: "vet"}); len(got) != len(before)+1 {
				t.Errorf("step %d: runs %q", at, got)
			}
		}
	}
}

// TestMergeKilled kills a merge while it copies a record: the sweep of killed
// runs removes the half copy.
func TestMergeKilled(t *testing.T) {
	a, b := newHome(t), newHome(t)
	a.run(t, "vet", 1, lab.Pass)
	b.run(t, "dental", 2, lab.Pass)
	cmd := exec.CommandContext(t.Context(), os.Args[0], b.dir)
	cmd.Env = append(os.Environ(), childEnv+"=merge run", childEnv+"_FROM="+a.dir)
	_ = cmd.Run()
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v", s)
	}
	left := func() int {
		list, err := filepath.Glob(filepath.Join(b.Runs, "vet", unfinishedPrefix+"*"))
		must(t, err)
		return len(list)
	}
	if left() != 1 {
		t.Fatalf("%d half copies", left())
	}
	if v := b.verified(t); len(v.Problems) > 0 {
		t.Errorf("problems %v", v.Problems)
	}
	must(t, lab.SweepUnfinished(b.Runs, os.RemoveAll))
	if left() != 0 {
		t.Error("the half copy is still there")
	}
	b.merge(t, a)
	b.sound(t, 0)
}

// TestMergeEndsWithItsContext has a file that would be read for hours.
func TestMergeEndsWithItsContext(t *testing.T) {
	a, b := newHome(t), newHome(t)
	rec := a.run(t, "vet", 1, lab.Pass)
	must(t, os.Truncate(filepath.Join(rec.Dir, "logs", "web.log"), 1<<42)) // nothing but a hole
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.MergeFrom(ctx, a.dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if _, err := b.Enter(b.record(t, "dental", 2, lab.Pass)); err != nil { // the lock is free again
		t.Error(err)
	}
}

// TestMergeHasALimit has a file, mostly holes, that would fill this host's disk.
func TestMergeHasALimit(t *testing.T) {
	from, err := os.OpenRoot(t.TempDir())
	must(t, err)
	defer from.Close()
	to, err := os.OpenRoot(t.TempDir())
	must(t, err)
	defer to.Close()
	must(t, from.WriteFile("big", nil, 0o600))
	must(t, os.Truncate(filepath.Join(from.Name(), "big"), maxCopied+1))
	if _, err := copyFile(t.Context(), from, to, "big"); !errors.Is(err, errTooLarge) {
		t.Errorf("error %v", err)
	}
	if _, err := to.Lstat("big"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

// TestEnterAgainstClaim has another host that entered a pass under the id of a
// run which is made here later, and fails.
func TestEnterAgainstClaim(t *testing.T) {
	a, b := newHome(t), newHome(t)
	claim := a.run(t, "dental", 1, lab.Pass)
	must(t, os.RemoveAll(claim.Dir))
	b.merge(t, a)
	rec := b.record(t, "dental", 1, lab.Fail)
	e, err := b.Enter(rec)
	must(t, err)
	if again, err := b.Enter(rec); err != nil || again.Seq != e.Seq || again.Of != e.Of {
		t.Errorf("entered twice: %+v, %v", again, err)
	}
	if e.Run.Verdict != lab.Fail || e.Of == b.merged(t) {
		t.Errorf("it was kept out: %s of ledger %s", e.Run.Verdict, e.Of)
	}
}

// TestOwn leaves out what another host entered.
func TestOwn(t *testing.T) {
	a, b := newHome(t), newHome(t)
	a.run(t, "dental", 2, lab.Pass)
	b.merge(t, a)
	if got := b.ids(t, Filter{Lab: "dental", Own: true}); len(got) > 0 {
		t.Errorf("%q", got)
	}
	rec := b.run(t, "dental", 1, lab.Pass)
	if got := b.ids(t, Filter{Lab: "dental", Own: true, Limit: 1}); !slices.Equal(got, []string{rec.Run}) {
		t.Errorf("%q", got)
	}
}
