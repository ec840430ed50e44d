package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const childEnv = "PATCHLAB_LEDGER_TEST_CHILD"

// child is a process that enters a run into the ledger of a home, or merges
// another, and comes to grief on the way: it is killed at a step, or its disk is full after so many
// bytes of any file.
func child(dir string) int {
	h := homeAt(dir)
	var bytes uint64
	switch how := os.Getenv(childEnv); {
	case strings.HasPrefix(how, "full "):
		if _, err := fmt.Sscan(how[5:], &bytes); err != nil {
			return 9
		}
		signal.Ignore(syscall.SIGXFSZ)
	default:
		h.atStep = func(name string) error {
			if name == how {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return nil
		}
	}
	if from := os.Getenv(childEnv + "_FROM"); from != "" {
		_, _ = h.MergeFrom(context.Background(), from)
		return 5
	}
	for os.Getenv(childEnv) == "on and on" { // until it is killed
		h.Now = nil
		if err := h.enterNext(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 4
		}
	}
	rec, err := ReadRecord(os.Getenv(childEnv + "_RUN"))
	if err != nil {
		return 8
	}
	if bytes > 0 {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes}); err != nil {
			return 7
		}
	}
	_, err = h.Enter(rec)
	if _, host := errors.AsType[*lab.HostError](err); host {
		return 3
	}
	if err != nil {
		return 6
	}
	return 0
}

// enterNext decides something, which is as good an entry as any.
func (h *home) enterNext() error {
	_, err := h.Decide(Reject, &lab.Lab{Name: "dental"}, lab.PatchRecord{Files: []lab.FileRecord{}}, lab.Fingerprint{}, Decision{By: "jane", Reason: "so"})
	return err
}

// TestKilledAnyTime kills processes that add one entry after the other: the
// chain holds each time, and loses nothing that was there before.
func TestKilledAnyTime(t *testing.T) {
	h, before := newHome(t), 0
	for n := range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], h.dir)
		cmd.Env = append(os.Environ(), childEnv+"=on and on")
		cmd.Stderr = os.Stderr
		must(t, cmd.Start())
		time.Sleep(time.Duration(20+7*n) * time.Millisecond) // any time will do
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		if v := h.verified(t); len(v.Problems) > 0 || v.Entries < before {
			t.Errorf("problems %v; %d entries, %d before", v.Problems, v.Entries, before)
		}
		must(t, h.enterNext())
		before = h.sound(t, 0).Entries
		list, err := filepath.Glob(filepath.Join(h.Dir, ".*"))
		must(t, err)
		if len(list) > 1 {
			t.Errorf("left: %q", list)
		}
	}
	t.Logf("%d entries", before)
}

func (h *home) child(t *testing.T, how string, rec *lab.Record) *os.ProcessState {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], h.dir)
	cmd.Env = append(os.Environ(), childEnv+"="+how, childEnv+"_RUN="+rec.Dir)
	cmd.Stderr = os.Stderr
	_ = cmd.Run()
	return cmd.ProcessState
}

func TestEnter(t *testing.T) {
	h := newHome(t)
	rec := h.record(t, "dental", 1, lab.Pass)
	rec.Reason = "fine \x1b[2J<script>\xff"
	e, err := h.Enter(rec)
	must(t, err)
	if e.Seq != 2 || e.Kind != Run || e.Run.Reason != "fine <script>\uFFFD" || e.Run.Targets[0] != "web" || e.Host != "nest" || e.Of == "" {
		t.Errorf("entry %+v", e)
	}
	again, err := h.Enter(rec)
	must(t, err)
	if again.Seq != e.Seq || string(again.Line) != string(e.Line) || len(h.lines(t)) != 2 {
		t.Errorf("entered again: %+v", again)
	}
	if line := h.lines(t)[1]; !strings.HasPrefix(line, `{"prev":"`+lineSum([]byte(strings.TrimSuffix(h.lines(t)[0], "\n")))+`","seq":2,`) {
		t.Errorf("line %s", line)
	}
	must(t, filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
		if info, e := d.Info(); e == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %s", path, info.Mode())
		}
		return err
	}))
	h.sound(t, 0)
	must(t, h.Check(e))
}

func TestEnterHostile(t *testing.T) {
	h := newHome(t)
	for _, name := range []string{"../up", "", ".hidden", "a/b", strings.Repeat("x", 300), "a\nb"} {
		rec := h.record(t, "dental", 1, lab.Pass)
		rec.Lab = name
		if _, err := h.Enter(rec); err == nil {
			t.Errorf("lab %q was entered", name)
		}
	}
	rec := h.record(t, "dental", 1, lab.Pass)
	must(t, os.Remove(filepath.Join(rec.Dir, sumsFile)))
	if _, err := h.Enter(rec); err == nil {
		t.Error("a run without sums was entered")
	}
	rec = h.record(t, "dental", 2, lab.Pass)
	rec.Client = strings.Repeat("x", maxLine)
	if _, err := h.Enter(rec); err == nil || !strings.Contains(err.Error(), "is the most") {
		t.Errorf("a huge entry: %v", err)
	}
	h.sound(t, 2) // run 1 has no sums, and run 2 is not entered
}

// TestEnterMany has a patch of more files than most: it can be entered and
// rejected. What no entry can hold is refused before there is any effect.
func TestEnterMany(t *testing.T) {
	h := newHome(t)
	rec := h.record(t, "dental", 1, lab.Fail)
	for i := range 12000 {
		rec.Patch.Files = append(rec.Patch.Files, lab.FileRecord{Name: fmt.Sprintf("payload/lib/module-%d.so", i), SHA256: sumText(fmt.Sprint(i))})
	}
	e, err := h.Enter(rec)
	must(t, err)
	h.decide(t, Reject, rec, time.Time{})
	list, err := h.Entries(Filter{Lab: "dental"})
	must(t, err)
	if len(e.Line) < 1<<20 || len(list) != 2 || len(list[0].Patch.Files) != 12001 {
		t.Errorf("a line of %d bytes, %d entries", len(e.Line), len(list))
	}
	h.sound(t, 0)

	h = newHome(t)
	rec.Patch.Name = strings.Repeat("x", maxLine)
	_, err = h.Decide(Reject, &lab.Lab{Name: "dental"}, rec.Patch, rec.Definition, Decision{By: "jane", Reason: "so"})
	if err == nil || !strings.Contains(err.Error(), "put the patch's files into one archive") {
		t.Errorf("error %.300v", err)
	}
	if _, err := os.Lstat(h.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a ledger: %v", err)
	}
}

func TestWeak(t *testing.T) {
	h := newHome(t)
	rec := h.record(t, "dental", 1, lab.Pass)
	rec.Control.Mode = "off"
	rec.Machines = []lab.MachineRecord{{Name: "web", Target: true, Outcome: &lab.PatchOutcome{Status: lab.Applied}}}
	e, err := h.Enter(rec)
	must(t, err)
	if want := []string{"no control arm", "no verifying reboot"}; !slices.Equal(e.Run.Weak, want) {
		t.Errorf("weak %q, want %q", e.Run.Weak, want)
	}
	for reason, want := range map[string]int{"switched off": 1, "the run did not get so far": 0} {
		for _, v := range []lab.Verdict{lab.Fail, lab.Inconclusive} {
			rec.Verdict, rec.Control.Reason = v, reason
			if got := weak(rec); len(got) != want || want > 0 && got[0] != WithoutControl {
				t.Errorf("%s, %s: weak %q", v, reason, got)
			}
		}
	}
}

// TestTargets has machines that had no use for a patch, or were spared.
func TestTargets(t *testing.T) {
	machine := func(name string, s lab.PatchStatus) lab.MachineRecord {
		m := lab.MachineRecord{Name: name, Target: true, Outcome: &lab.PatchOutcome{Status: s}}
		if s == "" {
			m.Outcome = nil
		}
		return m
	}
	web, db, desk := machine("web", lab.Applied), machine("db", lab.NotApplicable), machine("desk", lab.AlreadyInstalled)
	for name, c := range map[string]struct {
		rec          lab.Record
		list, unused []string
	}{
		"pass":           {lab.Record{Verdict: lab.Pass, Machines: []lab.MachineRecord{web, db, desk, {Name: "gw"}}}, []string{"web"}, []string{"db", "desk"}},
		"fail":           {lab.Record{Verdict: lab.Fail, Machines: []lab.MachineRecord{web, db, machine("mail", lab.PatchFailed)}}, []string{"web", "mail"}, []string{"db"}},
		"fail in apply":  {lab.Record{Verdict: lab.Fail, Machines: []lab.MachineRecord{web, machine("db", "")}}, []string{"web", "db"}, nil},
		"spared":         {lab.Record{Verdict: lab.Fail, Spared: []string{"db"}, Machines: []lab.MachineRecord{web, machine("db", "")}}, []string{"web"}, nil},
		"fail of nobody": {lab.Record{Verdict: lab.Fail, Machines: []lab.MachineRecord{db, desk}}, []string{"db", "desk"}, nil},
		"inconclusive":   {lab.Record{Verdict: lab.Inconclusive, Machines: []lab.MachineRecord{web, db, machine("mail", "")}}, []string{"web", "db", "mail"}, nil},
	} {
		if list, unused := targets(&c.rec); !slices.Equal(list, c.list) || !slices.Equal(unused, c.unused) {
			t.Errorf("%s: %q, unused %q", name, list, unused)
		}
	}
}

func TestEnterAtOnce(t *testing.T) {
	h := newHome(t)
	var wg sync.WaitGroup
	for n := range 12 {
		rec := h.record(t, "dental", n/2, lab.Pass)
		g := &Ledger{Dir: h.Dir, Runs: h.Runs, Host: "nest"}
		wg.Go(func() {
			if _, err := g.Enter(rec); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := g.Entries(Filter{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if v := h.sound(t, 0); v.Entries != 7 {
		t.Errorf("%d entries, want 7", v.Entries)
	}
}

// TestKilled kills a process at each step, for the first entry of a ledger and
// for a later one; what it leaves is no tampering, and the next entry puts it
// right.
func TestKilled(t *testing.T) {
	for _, step := range []string{"line", "head"} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(step, first), func(t *testing.T) {
				h := newHome(t)
				if !first {
					h.run(t, "dental", 1, lab.Pass)
				}
				rec := h.record(t, "dental", 2, lab.Pass)
				if s := h.child(t, step, rec).Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGKILL {
					t.Fatalf("the child ended with %v", s)
				}
				if v := h.verified(t); len(v.Problems) > 0 || len(v.Notes) == 0 {
					t.Errorf("problems %v, notes %v", v.Problems, v.Notes)
				}
				if _, err := h.Entries(Filter{}); err != nil {
					t.Error(err)
				}
				h.run(t, "dental", 3, lab.Pass)
				_, err := h.Adopt()
				must(t, err)
				h.sound(t, 0)
				if got := h.ids(t, Filter{}); !slices.Contains(got, rec.Run) {
					t.Errorf("runs %q, want %s among them", got, rec.Run)
				}
			})
		}
	}
}

// TestTorn cuts the last line off behind each of its bytes, as a process does
// that dies while it writes.
func TestTorn(t *testing.T) {
	h := newHome(t)
	h.run(t, "dental", 1, lab.Pass)
	lines := h.lines(t)
	head, err := os.ReadFile(h.path("ledger", headFile))
	must(t, err)
	rec := h.run(t, "dental", 2, lab.Pass)
	last := h.lines(t)[2]
	for n := range len(last) {
		h.setLines(t, lines[0], lines[1], last[:n])
		must(t, os.WriteFile(h.path("ledger", headFile), head, 0o600))
		want := 1 // the run that is not entered
		if n > 0 {
			want = 2
		}
		h.sound(t, want)
		if n%50 == 1 {
			_, err := h.Enter(rec)
			must(t, err)
			h.sound(t, 0)
		}
	}
	// The whole line, and the head is of the one before.
	h.setLines(t, lines[0], lines[1], last)
	must(t, os.WriteFile(h.path("ledger", headFile), head, 0o600))
	h.sound(t, 1)
	_, err = h.Enter(rec)
	must(t, err)
	h.sound(t, 0)
	if len(h.lines(t)) != 3 {
		t.Errorf("%d lines, want 3", len(h.lines(t)))
	}
}

// TestDiskFull lets a process's writes fail at each of many sizes: nothing is
// added then.
func TestDiskFull(t *testing.T) {
	h := newHome(t)
	h.run(t, "dental", 1, lab.Pass)
	rec := h.record(t, "dental", 2, lab.Pass)
	before := snapshot(t, h.Dir)
	info, err := os.Stat(h.path("ledger", linesFile))
	must(t, err)
	for _, limit := range []int64{1, info.Size() - 1, info.Size(), info.Size() + 1, info.Size() + 500} {
		if code := h.child(t, fmt.Sprint("full ", limit), rec).ExitCode(); code != 3 {
			t.Errorf("limit %d: exit code %d, want 3", limit, code)
		}
		if !maps.Equal(before, snapshot(t, h.Dir)) {
			t.Errorf("limit %d: the ledger is another", limit)
		}
	}
	h.sound(t, 1)
}

func TestHeadNotWritten(t *testing.T) {
	h := newHome(t)
	h.run(t, "dental", 1, lab.Pass)
	rec := h.record(t, "dental", 2, lab.Pass)
	before := snapshot(t, h.Dir)
	h.atStep = func(name string) error {
		if name == "head" {
			return syscall.ENOSPC
		}
		return nil
	}
	_, err := h.Enter(rec)
	if _, ok := errors.AsType[*lab.HostError](err); !ok || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if !maps.Equal(before, snapshot(t, h.Dir)) {
		t.Error("the ledger is another")
	}
	h.atStep = nil
	_, err = h.Enter(rec)
	must(t, err)
	h.sound(t, 0)
}

func TestEnterAltered(t *testing.T) {
	h := newHome(t)
	h.run(t, "dental", 1, lab.Pass)
	h.run(t, "dental", 2, lab.Pass)
	rec := h.record(t, "dental", 3, lab.Pass)
	lines := h.lines(t)
	h.setLines(t, lines[:2]...)
	_, err := h.Enter(rec)
	wantTampered(t, err, "2 of 3 entries")
	if got := h.lines(t); len(got) != 2 {
		t.Errorf("%d lines", len(got))
	}
}

func TestDecide(t *testing.T) {
	h := newHome(t)
	l, rec := &lab.Lab{Name: "dental"}, h.run(t, "dental", 1, lab.Fail)
	for _, c := range []struct {
		kind Kind
		d    Decision
		want string
	}{
		{Prune, Decision{By: "a", Reason: "b"}, "no decision"},
		{Approve, Decision{By: "a"}, "reason"},
		{Approve, Decision{Reason: "a"}, "somebody"},
		{Approve, Decision{By: "a", Reason: "b", Until: h.now}, "ended already"},
		{Reject, Decision{By: "a", Reason: "b", Until: h.now.AddDate(1, 0, 0)}, "no end"},
	} {
		_, err := h.Decide(c.kind, l, rec.Patch, rec.Definition, c.d)
		wantUsage(t, err, c.want)
	}
	_, err := h.Decide(Approve, &lab.Lab{Name: "../x"}, rec.Patch, rec.Definition, Decision{By: "a", Reason: "b"})
	wantUsage(t, err, "names")
	e, err := h.Decide(Approve, l, rec.Patch, rec.Definition, Decision{By: "jane\x1b[1m", Reason: "known fault", Until: h.now.AddDate(0, 1, 0)})
	must(t, err)
	if e.Decision.By != "jane" || e.Patch.SHA256 != rec.Patch.SHA256 || e.Definition.SHA256 != rec.Definition.SHA256 {
		t.Errorf("entry %+v", e)
	}
	h.sound(t, 0)
}
