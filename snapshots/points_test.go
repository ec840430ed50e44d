package snapshots

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/guest"
)

// upHost is a simulated host on which simLab is up, and its instance. A minute
// passes between any two looks at the clock.
func upHost(t *testing.T) *Engine {
	t.Helper()
	e := simHost(t)
	now := testTime
	e.Store.now = func() time.Time { now = now.Add(time.Minute); return now }
	if err := e.Up(t.Context(), simLab(), nobody{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before goroutines are counted
		if err := e.Down(context.Background(), "dental"); err != nil {
			t.Error(err)
		}
	})
	return e
}

func snapshot(t *testing.T, e *Engine, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := e.Snapshot(t.Context(), "dental", name, nil); err != nil {
			t.Fatalf("snapshot %s: %v", name, err)
		}
	}
}

func revert(t *testing.T, e *Engine, name string) {
	t.Helper()
	rec, err := e.Revert(t.Context(), "dental", name, true, nil)
	if err != nil || !rec.Proven || len(rec.Problems) > 0 {
		t.Fatalf("revert to %q: %+v (%v)", name, rec, err)
	}
}

// tree writes the points of the instance: "b<a" is a child of a, a star is
// where the instance stands.
func tree(t *testing.T, e *Engine) string {
	t.Helper()
	list, err := e.Points(t.Context(), "dental")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range list {
		text := p.Name
		if p.Parent != "" {
			text += "<" + p.Parent
		}
		if p.Current {
			text += "*"
		}
		if p.Bytes == 0 || p.Created.IsZero() {
			t.Errorf("point %+v tells nothing", p)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func wantTree(t *testing.T, e *Engine, want string) {
	t.Helper()
	if got := tree(t, e); got != want {
		t.Errorf("points are %q, want %q", got, want)
	}
}

// looked is the instance that is up, and what its machines are doing.
func looked(t *testing.T, e *Engine) (*live, *agent.Status) {
	t.Helper()
	l, err := e.look(t.Context(), "dental")
	if err != nil {
		t.Fatal(err)
	}
	st, err := l.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l, st
}

func TestPoints(t *testing.T) {
	e := upHost(t)
	wantTree(t, e, "ready*")
	snapshot(t, e, "a", "b")
	revert(t, e, "a")
	wantTree(t, e, "ready a<ready* b<a")
	snapshot(t, e, "c")
	wantTree(t, e, "ready a<ready b<a c<a*")

	// The disks of c and of the machines stand on those of a.
	if err := e.RemovePoint(t.Context(), "dental", "a"); err != nil {
		t.Fatal(err)
	}
	wantTree(t, e, "ready b<ready c<ready*")
	l, _ := looked(t, e)
	left, _ := filepath.Glob(filepath.Join(l.point("a").dir, "*"))
	for _, f := range left {
		if ext := filepath.Ext(f); ext == ramSuffix || ext == stateSuffix {
			t.Errorf("%s of the removed point is left", f)
		}
	}
	var usage *lab.UsageError
	if _, err := e.Snapshot(t.Context(), "dental", "a", nil); !errors.As(err, &usage) || !strings.Contains(usage.Hint, "choose another name") {
		t.Errorf("the removed name again: %v", err)
	}
	if _, err := e.Revert(t.Context(), "dental", "a", false, nil); !errors.As(err, &usage) {
		t.Errorf("back to what was removed: %v", err)
	}
	revert(t, e, "c")
	revert(t, e, "b")
	revert(t, e, "c") // a is still there for it
	revert(t, e, "b")
	if err := e.RemovePoint(t.Context(), "dental", "c"); err != nil {
		t.Fatal(err)
	}
	wantTree(t, e, "ready b<ready*")
	if dirs, _ := filepath.Glob(filepath.Join(pointsDir(l.files.Spec.Dir), "*")); len(dirs) != 1 {
		t.Errorf("folders are left: %v", dirs)
	}
	revert(t, e, "")
	wantTree(t, e, "ready* b<ready")
	snapshot(t, e, "a")
}

func TestPointNames(t *testing.T) {
	e := upHost(t)
	snapshot(t, e, "a")
	var usage *lab.UsageError
	for _, name := range []string{"", "ready", "rm", ".a", "-a", "a/b", "..", "a b", "ä", strings.Repeat("a", 65), "a"} {
		if _, err := e.Snapshot(t.Context(), "dental", name, nil); !errors.As(err, &usage) {
			t.Errorf("snapshot %q: %v", name, err)
		}
	}
	for _, name := range []string{"b", "../points/a", ".tmp-a"} {
		if _, err := e.Revert(t.Context(), "dental", name, false, nil); !errors.As(err, &usage) {
			t.Errorf("revert to %q: %v", name, err)
		}
	}
	for _, name := range []string{"", "b", "ready", ".."} {
		if err := e.RemovePoint(t.Context(), "dental", name); !errors.As(err, &usage) {
			t.Errorf("remove %q: %v", name, err)
		}
	}
	for _, ref := range []string{"other", "", "/labs/other"} {
		if _, err := e.Points(t.Context(), ref); !errors.As(err, &usage) {
			t.Errorf("points of %q: %v", ref, err)
		}
	}
	wantTree(t, e, "ready a<ready*")
}

func TestSnapshotFails(t *testing.T) {
	e := upHost(t)
	l, before := looked(t, e)
	trigger := filepath.Join(l.files.Spec.RunDir, failSave)
	if err := os.WriteFile(trigger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var host *lab.HostError
	if _, err := e.Snapshot(t.Context(), "dental", "a", nil); !errors.As(err, &host) {
		t.Errorf("error is %v", err)
	}
	wantTree(t, e, "ready*")
	if files, _ := filepath.Glob(filepath.Join(pointsDir(l.files.Spec.Dir), "*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
	if left := leftIn(l.files); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	_, after := looked(t, e)
	for i, m := range after.Machines {
		if m.State.State != "running" || m.PID != before.Machines[i].PID {
			t.Errorf("machine %+v, before %+v", m, before.Machines[i])
		}
	}
	if err := os.Remove(trigger); err != nil {
		t.Fatal(err)
	}
	snapshot(t, e, "a")
	revert(t, e, "a")
}

func TestSnapshotBusy(t *testing.T) {
	e := upHost(t)
	snapshot(t, e, "a")
	_, unlock, err := same(t, e).live(t.Context(), "dental")
	if err != nil {
		t.Fatal(err)
	}
	var busy *lab.BusyError
	if _, err := e.Snapshot(t.Context(), "dental", "b", nil); !errors.As(err, &busy) {
		t.Errorf("snapshot: %v", err)
	}
	if _, err := e.Revert(t.Context(), "dental", "a", false, nil); !errors.As(err, &busy) {
		t.Errorf("revert: %v", err)
	}
	if err := e.RemovePoint(t.Context(), "dental", "a"); !errors.As(err, &busy) {
		t.Errorf("remove: %v", err)
	}
	if _, err := e.GC(t.Context(), GCOptions{}); err != nil {
		t.Errorf("gc: %v", err)
	}
	wantTree(t, e, "ready a<ready*")
	unlock()
	snapshot(t, e, "b")
}

// note leaves a line on the disk of machine web, and onDisk looks for it.
func webOf(t *testing.T, e *Engine) *simGuest {
	t.Helper()
	l, _ := looked(t, e)
	return l.guest(&lab.Machine{Name: "web", Image: &lab.Image{OS: lab.Linux}}).(*simGuest)
}

func TestRevert(t *testing.T) {
	e := upHost(t)
	if err := webOf(t, e).note("kept"); err != nil {
		t.Fatal(err)
	}
	snapshot(t, e, "a")
	if err := webOf(t, e).note("of the later time"); err != nil {
		t.Fatal(err)
	}
	l, before := looked(t, e)
	rec, err := e.Revert(t.Context(), "/labs/dental", "a", false, nil)
	if err != nil || !rec.Proven || !rec.Nonce || !rec.Marker || !rec.Layers || !rec.Gone || rec.Check != "fast" || rec.Files == 0 ||
		len(rec.Problems)+len(rec.Notes) > 0 || !slices.Equal(rec.Instances, []string{l.ID()}) {
		t.Errorf("receipt: %+v (%v)", rec, err)
	}
	disk, err := webOf(t, e).onDisk()
	if err != nil || !slices.Contains(disk, "kept") || slices.Contains(disk, "of the later time") || !slices.Contains(disk, "ran create tables") && slices.Contains(disk, "uploaded") {
		t.Errorf("the disk holds %q (%v)", disk, err)
	}
	_, after := looked(t, e)
	for i, m := range after.Machines {
		if m.State.State != "running" || m.PID == before.Machines[i].PID || names(before.Machines[i].PID, l.files.Spec.RunDir) {
			t.Errorf("machine %+v, before %+v", m, before.Machines[i])
		}
	}
	if _, err := os.Stat(generationDir(l.files.Spec.Dir, 0)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the first generation is left: %v", err)
	}
	revert(t, e, "") // and all the way
	disk, err = webOf(t, e).onDisk()
	if err != nil || slices.Contains(disk, "kept") {
		t.Errorf("the disk holds %q (%v)", disk, err)
	}
}

// lying is a machine that shows what was not expected.
type lying struct {
	*simGuest
	change func(*guest.Woken)
}

func (l lying) Wake(ctx context.Context, w guest.Waking) (guest.Woken, error) {
	woken, err := l.simGuest.Wake(ctx, w)
	l.change(&woken)
	return woken, err
}

func TestRevertNotProven(t *testing.T) {
	e := upHost(t)
	snapshot(t, e, "a")
	honest := e.reach
	unproven := func(name, want string) lab.Receipt {
		t.Helper()
		rec, err := e.Revert(t.Context(), "dental", "a", false, nil)
		if err != nil || rec.Proven || !slices.ContainsFunc(rec.Problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("%s: %+v (%v), want %q", name, rec, err, want)
		}
		return rec
	}
	lie := func(change func(*guest.Woken)) {
		e.reach = func(c guest.Config) sshGuest { return lying{honest(c).(*simGuest), change} }
	}
	lie(func(w *guest.Woken) { w.NonceEqual = false })
	if rec := unproven("nonce", "its nonce differs"); rec.Nonce || !rec.Marker || !rec.Layers || !rec.Gone {
		t.Errorf("nonce: %+v", rec)
	}
	lie(func(w *guest.Woken) { w.Markers = []string{"0011223344556677"} })
	if rec := unproven("marker", "marker 0011223344556677"); !rec.Nonce || rec.Marker || !rec.Layers || !rec.Gone {
		t.Errorf("marker: %+v", rec)
	}
	e.reach = honest
	// What the journal does not name is not removed.
	l, _ := looked(t, e)
	path := e.Store.journalPath(l.ID())
	journal, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	now := `"path":"` + filepath.Dir(l.files.Spec.Machines[0].Disks[0].Path) + `"`
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(journal), now, `"path":""`)), 0o600); err != nil {
		t.Fatal(err)
	}
	if rec := unproven("file", "is still there"); !rec.Nonce || !rec.Marker || !rec.Layers || rec.Gone {
		t.Errorf("file: %+v", rec)
	}
	if err := os.WriteFile(path, journal, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A machine that outlived its revert is noticed.
func TestRevertLeavesProcess(t *testing.T) {
	e := upHost(t)
	l, st := looked(t, e)
	gone := func(pid int) lab.Receipt {
		rv := &reverting{live: l, store: e.Store, pids: []int{pid}}
		rv.proveGone()
		return rv.rec
	}
	if rec := gone(st.Machines[0].PID); rec.Gone || len(rec.Problems) != 1 {
		t.Errorf("a machine that runs: %+v", rec)
	}
	if rec := gone(os.Getpid()); !rec.Gone { // its number was given to another
		t.Errorf("another process: %+v", rec)
	}
	killPID(st.Machines[0].PID)
	if rec := gone(st.Machines[0].PID); !rec.Gone {
		t.Errorf("a machine that has ended: %+v", rec)
	}
}

// deface changes the end of a frozen file.
func deface(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("X"), info.Size()-1); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

func TestRevertToChangedFiles(t *testing.T) {
	e := upHost(t)
	snapshot(t, e, "a")
	revert(t, e, "a")
	snapshot(t, e, "b") // stands on the disks of a
	revert(t, e, "")
	snapshot(t, e, "c")
	l, before := looked(t, e)
	refused := func(name, want string) {
		t.Helper()
		var host *lab.HostError
		if _, err := e.Revert(t.Context(), "dental", name, false, nil); !errors.As(err, &host) || !strings.Contains(err.Error(), want) {
			t.Errorf("revert to %q: %v, want %q", name, err, want)
		}
	}
	deface(t, filepath.Join(l.point("a").dir, "db.qcow2"))
	refused("b", "db.qcow2 was changed")
	refused("a", "db.qcow2 was changed")
	deface(t, filepath.Join(l.point("b").dir, "web.ram"))
	refused("b", "web.ram was changed")
	_, after := looked(t, e)
	for i := range after.Machines {
		if after.Machines[i].PID != before.Machines[i].PID {
			t.Error("the machines were touched")
		}
	}
	revert(t, e, "c")
	deface(t, filepath.Join(l.ready.dir, "web.qcow2")) // which all stand on
	refused("c", "web.qcow2 was changed")
	refused("", "web.qcow2 was changed")
}

// The agent goes on when the command dies that asked it for other machines:
// from then on the instance stands where they do, even if nobody wrote it down.
func TestRevertOfKilledCommand(t *testing.T) {
	e := upHost(t)
	snapshot(t, e, "a", "b")
	l, unlock, err := e.live(t.Context(), "dental")
	if err != nil {
		t.Fatal(err)
	}
	rv := &reverting{live: l, store: e.Store, name: "a", p: lab.Quiet(nil)}
	for _, step := range []func(context.Context) error{rv.choose, rv.prepare} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.client.Replace(t.Context(), rv.next); err != nil {
		t.Fatal(err)
	}
	unlock() // as the kernel does
	wantTree(t, e, "ready a<ready* b<a")
	snapshot(t, e, "c")
	wantTree(t, e, "ready a<ready b<a c<a*")
	if err := e.RemovePoint(t.Context(), "dental", "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := webOf(t, e).onDisk(); err != nil {
		t.Errorf("the machine's disk has lost what it stands on: %v", err)
	}
	revert(t, e, "c")
}
