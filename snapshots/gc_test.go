package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// contents lists everything below dir, with the times of files.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && !e.IsDir() && !strings.Contains(path, "/locks/") {
			fmt.Fprintln(&out, path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// gc cleans up after a time in which nothing was used, and returns what was
// removed, by kind.
func gc(t *testing.T, e *Engine, idle, keep time.Duration, dry bool) []string {
	t.Helper()
	e.Store.now = func() time.Time { return testTime.Add(idle) }
	rep, err := e.GC(t.Context(), GCOptions{DryRun: dry, Keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	var bytes int64
	for _, i := range rep.Items {
		kinds = append(kinds, i.Kind)
		bytes += i.Bytes
		if i.Name == "" || i.Reason == "" {
			t.Errorf("item %+v tells nothing", i)
		}
	}
	if bytes != rep.Bytes || len(kinds) > 0 && bytes == 0 {
		t.Errorf("%d bytes of %+v", rep.Bytes, rep.Items)
	}
	return kinds
}

func wantKinds(t *testing.T, when string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: removed %q, want %q", when, got, want)
	}
}

func TestGCKeeps(t *testing.T) {
	e := simHost(t)
	makeReady(t, e, simLab())
	const day = 24 * time.Hour
	wantKinds(t, "at once", gc(t, e, 0, 0, false))
	wantKinds(t, "after 59 min", gc(t, e, 59*time.Minute, 0, false))
	wantKinds(t, "after 59 min, a negative time kept", gc(t, e, 59*time.Minute, -day, false))
	wantKinds(t, "after 13 days", gc(t, e, 13*day, DefaultKeep, false))
	makeReady(t, e, simLab()) // used again, on the 13th day
	wantKinds(t, "14 days after the first time", gc(t, e, 14*day, DefaultKeep, false))
	wantKinds(t, "14 days after the last time", gc(t, e, 27*day, DefaultKeep, false), "ready-state", "image")
	wantKinds(t, "again", gc(t, e, 27*day, DefaultKeep, false))
	if _, left := leftOf(t, e.Store, filepath.Dir(e.Store.home)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if states, _ := e.Store.readyStates(); len(states) > 0 {
		t.Errorf("ready states are %v", states)
	}
}

// Another lab's ready state keeps the image that both stand on.
func TestGCImageOfTwo(t *testing.T) {
	e := simHost(t)
	makeReady(t, e, simLab())
	e.Store.now = func() time.Time { return testTime.Add(10 * time.Hour) }
	other := simLab()
	other.Name = "practice"
	makeReady(t, e, other)
	wantKinds(t, "one in use", gc(t, e, 12*time.Hour, 5*time.Hour, false), "ready-state")
	wantKinds(t, "both idle", gc(t, e, 20*time.Hour, 5*time.Hour, false), "ready-state", "image")
}

func TestGCInUse(t *testing.T) {
	e := simHost(t)
	if err := e.Up(t.Context(), simLab(), nobody{}); err != nil {
		t.Fatal(err)
	}
	wantKinds(t, "while it is up", gc(t, e, 99*time.Hour, 0, false))
	snapshot(t, e, "a")
	revert(t, e, "a")
	if err := e.Down(t.Context(), "dental"); err != nil {
		t.Fatal(err)
	}
	wantKinds(t, "when it is down", gc(t, e, 199*time.Hour, 0, false), "ready-state", "image")
}

// What is to be removed: an instance without its agent, leftovers in one that
// is up, a ready state and an image.
func TestGCDryRun(t *testing.T) {
	e := simHost(t)
	base := filepath.Dir(e.Store.home)
	if err := e.Up(t.Context(), simLab(), nobody{}); err != nil {
		t.Fatal(err)
	}
	killPID(victim(base, victimAgent))
	before, pids := contents(t, base), pidsBelow(base)
	wantKinds(t, "dry, stale", gc(t, e, 99*time.Hour, 0, true), "instance")
	if after := contents(t, base); after != before {
		t.Errorf("it touched something; before:\n%s\nafter:\n%s", before, after)
	}
	if after := pidsBelow(base); len(pids) != 2 || !slices.Equal(after, pids) {
		t.Errorf("processes are %v, before %v", after, pids)
	}
	wantKinds(t, "stale", gc(t, e, 0, 0, false), "instance")
	before = contents(t, base)
	wantKinds(t, "dry, idle", gc(t, e, 99*time.Hour, 0, true), "ready-state", "image")
	if after := contents(t, base); after != before {
		t.Errorf("it touched something; before:\n%s\nafter:\n%s", before, after)
	}
	wantKinds(t, "idle", gc(t, e, 99*time.Hour, 0, false), "ready-state", "image")
}

// An unfinished snapshot and an unused generation, as a killed command leaves
// them in an instance that is up.
func TestGCOfLiveInstance(t *testing.T) {
	e := upHost(t)
	snapshot(t, e, "a")
	l, _ := looked(t, e)
	j := e.Store.journalOf(l.ID())
	part, unused := filepath.Join(pointsDir(l.files.Spec.Dir), partPrefix+"b"), generationDir(l.files.Spec.Dir, 7)
	foreign := filepath.Join(pointsDir(l.files.Spec.Dir), partPrefix+"foreign") // in no journal
	for _, i := range []intent{{Step: "snapshot", Path: part}, {Step: "generation", Path: unused}} {
		if err := j.intend(i); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{part, unused, foreign} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("some bytes"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantKinds(t, "dry", gc(t, e, 0, 0, true), "snapshot", "snapshot")
	wantKinds(t, "really", gc(t, e, 0, 0, false), "snapshot", "snapshot")
	for _, dir := range []string{part, unused} {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("what no journal names was removed")
	}
	wantTree(t, e, "ready a<ready*")
	revert(t, e, "a")
}

// Whatever a journal says, only what can be patchlab's own is removed for it.
func TestMayRemove(t *testing.T) {
	s, _ := testStore(t)
	const id = "0123abcd"
	home := func(path string) string { return filepath.Join(s.home, path) }
	for path, steps := range map[string][]string{
		home("labs/dental/instances/0123abcd"):          {"folder", "files"},
		home("labs/dental/instances/0123abcd/g1"):       {"generation"},
		home("labs/dental/instances/0123abcd/points/a"): {"snapshot"},
		home("labs/dental/ready/.tmp-0123abcd"):         {"ready"},
		home("images/.tmp-0123abcd"):                    {"image"},
		filepath.Join(s.runtime, id):                    {"sockets"},
		filepath.Join(s.treeBase, treePrefix+id):        {"tree"},
	} {
		for _, step := range steps {
			if err := s.mayRemove(id, intent{Step: step, Path: path}); err != nil {
				t.Errorf("%s: %v", step, err)
			}
		}
	}
	link := home("labs/linked")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"", "/", ".", s.home, home("labs"), home("images"), home("labs/dental"), home("labs/dental/instances"),
		home("labs/dental/instances/89abcdef"), home("labs/dental/instances/89abcdef/0123abcd"), home("labs/dental/other/0123abcd"),
		s.home + "/labs/dental/instances/0123abcd/../89abcdef", s.home + "/labs/dental/instances/../instances/0123abcd",
		s.home + "/labs/../0123abcd", home("labs/linked/instances/0123abcd"), home("labs/dental/ready"),
		home("labs/dental/ready/" + strings.Repeat("a", 64)), home("labs/dental/ready/.tmp-89abcdef"), home("labs/dental/ready/.tmp-0123abcd/x"),
		home("images/" + strings.Repeat("a", 64)), home("images/.tmp-89abcdef"), home("journal/0123abcd.jsonl"),
		"labs/dental/instances/0123abcd", "/etc/passwd", "/home/0123abcd/x",
		filepath.Join(s.runtime, "89abcdef"), filepath.Join(s.treeBase, treePrefix+"89abcdef"),
	} {
		for _, step := range []string{"folder", "files", "generation", "snapshot", "ready", "image", "sockets", "tree", "save", ""} {
			if step == "sockets" && filepath.IsAbs(path) && filepath.Clean(path) == path && filepath.Base(path) == id {
				continue // they may be anywhere
			}
			if err := s.mayRemove(id, intent{Step: step, Path: path}); err == nil {
				t.Errorf("step %q may remove %q", step, path)
			}
		}
	}
	for _, bad := range []string{"", "..", "0123ABCD", "0123abcde"} {
		if err := s.mayRemove(bad, intent{Step: "sockets", Path: filepath.Join(s.runtime, bad)}); err == nil {
			t.Errorf("id %q may remove something", bad)
		}
	}
}

// Two that clean up at the same time do not hinder each other.
func TestGCTwice(t *testing.T) {
	e := simHost(t)
	base := filepath.Dir(e.Store.home)
	if err := e.Up(t.Context(), simLab(), nobody{}); err != nil {
		t.Fatal(err)
	}
	killPID(victim(base, victimAgent))
	errs := make(chan error)
	for _, engine := range []*Engine{e, same(t, e), same(t, e), same(t, e)} {
		go func() {
			_, err := engine.GC(context.Background(), GCOptions{Keep: DefaultKeep})
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	converge(t, base, 0)
}

// What is dropped has a name in a journal before it is half gone.
func TestGCNamesWhatItDrops(t *testing.T) {
	e := simHost(t)
	r := makeReady(t, e, simLab()).state
	images, err := e.Store.images()
	if err != nil || len(images) != 1 {
		t.Fatal(images, err)
	}
	var dropped []string
	e.Store.atStep = func(step string) {
		ids, err := e.Store.journals()
		if err != nil || len(ids) != 1 {
			t.Errorf("at %q: journals %v (%v)", step, ids, err)
			return
		}
		list, err := readJournal(e.Store.journalPath(ids[0]))
		if err != nil || len(list) != 1 {
			t.Errorf("at %q: %+v (%v)", step, list, err)
			return
		}
		from := map[string]string{"ready": r.dir, "image": filepath.Dir(images[0].Path)}[step]
		if filepath.Dir(list[0].Path) != filepath.Dir(from) {
			t.Errorf("at %q: %s is to be moved to %q", step, from, list[0].Path)
		}
		if err := e.Store.mayRemove(ids[0], list[0]); err != nil {
			t.Error(err)
		}
		dropped = append(dropped, step)
	}
	wantKinds(t, "idle", gc(t, e, 99*time.Hour, 0, false), "ready-state", "image")
	if !slices.Equal(dropped, []string{"ready", "image"}) {
		t.Errorf("dropped were %q", dropped)
	}
}

// The record of a killed run goes; that of a run under way does not.
func TestGCUnfinishedRuns(t *testing.T) {
	s, _ := testStore(t)
	e := &Engine{Store: s}
	folder := func(id string) string {
		dir := filepath.Join(s.RunsDir("dental"), ".unfinished-"+id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dead, alive := folder("dead"), folder("alive")
	lockFile(t, filepath.Join(alive, ".lock"))
	for _, dry := range []bool{true, false} {
		rep, err := e.GC(t.Context(), GCOptions{DryRun: dry, Keep: DefaultKeep})
		if err != nil || len(rep.Items) != 1 || rep.Items[0].Kind != "unfinished-run" || rep.Items[0].Name != "dead of lab dental" {
			t.Fatalf("dry run %v: %+v (%v)", dry, rep, err)
		}
		if _, err := os.Stat(dead); (err == nil) != dry {
			t.Errorf("dry run %v: %v", dry, err)
		}
	}
	if _, err := os.Stat(alive); err != nil {
		t.Errorf("a run that is under way was removed: %v", err)
	}
}

// Trials of a bisection that nobody goes on with are removed.
func TestGCBisections(t *testing.T) {
	e := simHost(t)
	const day = 24 * time.Hour
	if err := os.MkdirAll(e.Store.BisectDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"aa.json", "aa.lock", "bb.json", "bb.lock"} {
		path := filepath.Join(e.Store.BisectDir(), name)
		if err := errors.Join(os.WriteFile(path, []byte("{}"), 0o600), os.Chtimes(path, testTime, testTime)); err != nil {
			t.Fatal(err)
		}
	}
	held := flock.New(filepath.Join(e.Store.BisectDir(), "bb.lock"))
	if ok, err := held.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	wantKinds(t, "after 13 days", gc(t, e, 13*day, DefaultKeep, false))
	wantKinds(t, "dry", gc(t, e, 15*day, DefaultKeep, true), "bisection")
	wantKinds(t, "after 15 days", gc(t, e, 15*day, DefaultKeep, false), "bisection")
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	wantKinds(t, "when it is over", gc(t, e, 15*day, DefaultKeep, false), "bisection")
	if left, _ := filepath.Glob(filepath.Join(e.Store.BisectDir(), "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
