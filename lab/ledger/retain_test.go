package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// expendable are the numbers of the runs that may go.
func (h *home) expendable(t testing.TB, def lab.Retention, of map[string]int) (list []int) {
	t.Helper()
	dirs, err := h.Expendable(def)
	must(t, err)
	for _, dir := range dirs {
		n, ok := of[dir]
		if !ok {
			t.Errorf("%s", dir)
		}
		list = append(list, n)
	}
	return list
}

func TestExpendable(t *testing.T) {
	h, of := newHome(t), map[string]int{}
	for day, v := range []lab.Verdict{lab.Pass, lab.Fail, lab.Pass, lab.Fail, lab.Fail, lab.Inconclusive} {
		rec := h.run(t, "dental", day*24, v)
		of[rec.Dir] = day
	}
	of[h.record(t, "dental", 1, lab.Fail).Dir] = 99 // not entered
	now := time.Date(2026, 11, 6, 12, 0, 0, 0, time.UTC)
	h.Now = func() time.Time { return now }
	for _, c := range []struct {
		limit lab.Retention
		want  []int
	}{
		{lab.Retention{}, nil},
		{lab.Retention{Runs: 1}, []int{0, 1, 3, 4}},
		{lab.Retention{Runs: 2}, []int{0, 1, 3}},
		{lab.Retention{Runs: 6}, nil},
		{lab.Retention{Days: 1}, []int{0, 1, 3, 4}},
		{lab.Retention{Days: 4}, []int{0, 1}},
		{lab.Retention{Days: 4, Runs: 5}, []int{0}},
		{lab.Retention{Days: 1, Runs: 4}, []int{0, 1}},
		{lab.Retention{Days: 100, Runs: 1}, nil},
	} {
		if got := h.expendable(t, c.limit, of); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.limit, got, c.want)
		}
	}
}

// TestExpendableTrials has a bisection after the lab's last pass: its trials
// are none, and displace no run.
func TestExpendableTrials(t *testing.T) {
	h, of := newHome(t), map[string]int{}
	of[h.run(t, "dental", 0, lab.Pass).Dir] = 0
	of[h.run(t, "dental", 1, lab.Fail).Dir] = 1
	of[h.run(t, "dental", 2, lab.Fail).Dir] = 2
	for n := 3; n < 7; n++ {
		rec := h.record(t, "dental", n, lab.Pass)
		rec.Trial = true
		_, err := h.Enter(rec)
		must(t, err)
		of[rec.Dir] = n
	}
	if got := h.expendable(t, lab.Retention{Runs: 1}, of); !slices.Equal(got, []int{1, 3, 4, 5}) {
		t.Errorf("%v", got) // the last pass, the newest run and the newest trial stay
	}
}

func TestExpendableRetain(t *testing.T) {
	h, of := newHome(t), map[string]int{}
	for n := range 4 {
		rec := h.record(t, "dental", n, lab.Fail)
		rec.Retain = &lab.Retention{Runs: 4 - n}
		_, err := h.Enter(rec)
		must(t, err)
		of[rec.Dir] = n
		of[h.run(t, "vet", n, lab.Fail).Dir] = 10 + n
	}
	if got := h.expendable(t, lab.Retention{Runs: 2}, of); !slices.Equal(got, []int{0, 10, 1, 11, 2}) {
		t.Errorf("%v", got) // of dental the newest, of vet the two newest stay
	}
}

// TestExpendableDecisions has decisions on the bytes of old runs.
func TestExpendableDecisions(t *testing.T) {
	h, of := newHome(t), map[string]int{}
	var recs []*lab.Record
	for n := range 6 {
		recs = append(recs, h.run(t, "dental", n, lab.Fail))
		of[recs[n].Dir] = n
	}
	h.decide(t, Approve, recs[0], time.Time{})
	h.decide(t, Approve, recs[1], h.now.Add(24*time.Hour))
	h.decide(t, Reject, recs[2], time.Time{})
	h.decide(t, Reject, recs[3], time.Time{})
	h.decide(t, Approve, recs[3], h.now.Add(24*time.Hour)) // lifts it, and ends
	limit := lab.Retention{Runs: 1}
	if got := h.expendable(t, limit, of); !slices.Equal(got, []int{4}) {
		t.Errorf("%v", got)
	}
	h.now = h.now.Add(48 * time.Hour)
	if got := h.expendable(t, limit, of); !slices.Equal(got, []int{1, 4}) {
		t.Errorf("%v when two approvals have ended: of 3 the rejection counts again", got)
	}
}

// TestExpendableKnowsBytes has decisions on the bytes of runs as the gate knows
// them: under another name, and with an approval that ended since.
func TestExpendableKnowsBytes(t *testing.T) {
	h, of := newHome(t), map[string]int{}
	var recs []*lab.Record
	for n := range 3 {
		recs = append(recs, h.run(t, "dental", n, lab.Fail))
		of[recs[n].Dir] = n
	}
	renamed := *recs[0]
	renamed.Patch.SHA256 = sumText("of another name")
	renamed.Patch.Files = []lab.FileRecord{recs[0].Patch.Files[0], {Name: "README", SHA256: sumText("read me"), Beside: true}}
	renamed.Patch.Files[0].Name = "fix-1.deb"
	h.decide(t, Approve, &renamed, time.Time{})
	h.decide(t, Approve, recs[1], time.Time{})
	h.decide(t, Approve, recs[1], h.now.Add(24*time.Hour))
	h.now = h.now.Add(48 * time.Hour) // the newer approval has ended, and the gate goes by the older one
	if got := h.expendable(t, lab.Retention{Runs: 1}, of); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// TestExpendableOfOthers has another host whose runs, of a time that has not
// come, are to displace this host's.
func TestExpendableOfOthers(t *testing.T) {
	a, b, of := newHome(t), newHome(t), map[string]int{}
	of[b.run(t, "dental", 0, lab.Pass).Dir] = 0
	of[b.run(t, "dental", 1, lab.Fail).Dir] = 1
	theirs := a.record(t, "dental", 99, lab.Pass)
	theirs.Retain = &lab.Retention{Runs: 1}
	_, err := a.Enter(theirs)
	must(t, err)
	of[filepath.Join(b.Runs, "dental", theirs.Run)] = 99
	b.merge(t, a)
	if got := b.expendable(t, lab.Retention{}, of); len(got) > 0 {
		t.Errorf("%v: their limit counts here", got)
	}
	if got := b.expendable(t, lab.Retention{Runs: 1}, of); !slices.Equal(got, []int{1}) {
		t.Errorf("%v: the last pass that was made here goes", got)
	}
}

func TestRemove(t *testing.T) {
	a, b, of := newHome(t), newHome(t), map[string]int{}
	for n := range 3 {
		of[b.run(t, "dental", n, lab.Fail).Dir] = n
		rec := a.run(t, "vet", n, lab.Fail)
		of[filepath.Join(b.Runs, "vet", rec.Run)] = 10 + n
	}
	b.merge(t, a)
	stray := b.record(t, "dental", 9, lab.Fail)
	for _, dir := range []string{stray.Dir, b.dir, "/", "", b.Runs, filepath.Join(b.Runs, "dental"), filepath.Join(b.Runs, "dental", ".."), "dental/x"} {
		before := len(b.lines(t))
		wantUsage(t, b.Remove([]string{b.Runs + "/dental/20261101-000000-0000", dir}), "not the folder of a run")
		if len(b.lines(t)) != before {
			t.Error("an entry was made")
		}
	}
	must(t, os.RemoveAll(stray.Dir))
	limit := lab.Retention{Runs: 2}
	dirs, err := b.Expendable(limit)
	must(t, err)
	if got := b.expendable(t, limit, of); !slices.Equal(got, []int{0, 10}) {
		t.Errorf("%v", got)
	}
	// It dies behind the entries: nothing is wrong, and the next one goes on.
	b.atStep = func(name string) error {
		if name == "remove" {
			return syscall.EIO
		}
		return nil
	}
	if err := b.Remove(dirs); !errors.Is(err, syscall.EIO) {
		t.Errorf("error %v", err)
	}
	b.atStep = nil
	b.removed(t, dirs, false)
	b.sound(t, 2)
	entries := len(b.lines(t))
	again, err := b.Expendable(lab.Retention{})
	must(t, err)
	if !slices.Equal(again, dirs) {
		t.Errorf("%q, want %q", again, dirs)
	}
	must(t, b.Remove(again))
	b.removed(t, dirs, true)
	if len(b.lines(t)) != entries {
		t.Error("their removal was entered twice")
	}
	if v := b.sound(t, 0); v.Pruned != 2 || v.Runs != 4 {
		t.Errorf("verified %+v", v)
	}
	must(t, b.Remove(nil))
	if got := b.expendable(t, limit, of); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

func (h *home) removed(t testing.TB, dirs []string, want bool) {
	t.Helper()
	for _, dir := range dirs {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) != want {
			t.Errorf("%s: %v", dir, err)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*"))
		must(t, err)
		if len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}

// TestExpendableAgainstClaim has another host that calls this host's last pass
// a failure.
func TestExpendableAgainstClaim(t *testing.T) {
	a, b, of := newHome(t), newHome(t), map[string]int{}
	claim := a.record(t, "dental", 1, lab.Fail)
	claim.Started = claim.Started.Add(time.Minute)
	_, err := a.Enter(claim)
	must(t, err)
	must(t, os.RemoveAll(claim.Dir))
	b.merge(t, a)
	of[b.run(t, "dental", 1, lab.Pass).Dir] = 1
	of[b.run(t, "dental", 2, lab.Fail).Dir] = 2
	if got := b.expendable(t, lab.Retention{Runs: 1}, of); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// TestRemoveSparesDecided has a decision that is made while gc is at it.
func TestRemoveSparesDecided(t *testing.T) {
	h := newHome(t)
	rec := h.run(t, "dental", 0, lab.Fail)
	other := h.run(t, "dental", 1, lab.Fail)
	h.run(t, "dental", 2, lab.Fail)
	dirs, err := h.Expendable(lab.Retention{Runs: 1})
	must(t, err)
	h.decide(t, Approve, rec, time.Time{})
	must(t, h.Remove(dirs))
	h.removed(t, []string{rec.Dir}, false)
	h.removed(t, []string{other.Dir}, true)
	if v := h.sound(t, 0); v.Pruned != 1 {
		t.Errorf("verified %+v", v)
	}
}
