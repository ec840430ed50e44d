package snapshots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

func TestPrepareInstance(t *testing.T) {
	s, _ := testStore(t)
	f, err := s.PrepareInstance(t.Context(), testLab(), "patched", "tcg", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(f.Spec, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{f.Spec.Dir, "DIR", f.Spec.RunDir, "RUN", f.Spec.CacheDir, "CACHE", f.Spec.ID, "ID"}
	for i, m := range f.Spec.Machines {
		names = append(names, m.UUID, fmt.Sprintf("UUID%d", i))
	}
	golden(t, "instance.json", strings.NewReplacer(names...).Replace(string(text))+"\n")

	for name, mode := range map[string]os.FileMode{
		specFile: 0o600, filesFile: 0o600, knownHosts: 0o600, "web.qcow2": 0o600,
		"web-data1.qcow2": 0o600, "web-cidata.iso": 0o400, "desk.qcow2": 0o600,
	} {
		info, err := os.Stat(filepath.Join(f.Spec.Dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s is %v (%v), want mode %04o", name, info, err, mode)
		}
	}
	overlay, err := os.ReadFile(filepath.Join(f.Spec.Dir, "web.qcow2"))
	if want := "-b " + f.Images["web"].Path + " -F qcow2"; err != nil || !strings.Contains(string(overlay), want) {
		t.Errorf("disk was made by %q (%v), want %q: a copy-on-write overlay", overlay, err, want)
	}
	known, err := os.ReadFile(f.KnownHostsPath)
	if err != nil || !strings.Contains(string(known), "web "+line(f.HostKeys["web"])+"\n") {
		t.Errorf("known hosts are %q (%v)", known, err)
	}
	if line(f.HostKeys["web"]) == line(f.HostKeys["desk"]) {
		t.Error("two machines share a host key")
	}
}

func TestLoadInstance(t *testing.T) {
	s, _ := testStore(t)
	f, err := s.PrepareInstance(t.Context(), testLab(), "up", "tcg", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.LoadInstance(f.Spec.Dir)
	if err != nil {
		t.Fatal(err)
	}
	opts := cmp.Options{
		cmpopts.EquateComparable(f.Spec.Networks[0].Subnet, f.Spec.Networks[0].Gateway),
		cmp.Comparer(func(a, b ssh.Signer) bool { return line(a.PublicKey()) == line(b.PublicKey()) }),
		cmp.Comparer(func(a, b ssh.PublicKey) bool { return line(a) == line(b) }),
	}
	if diff := cmp.Diff(f, got, opts); diff != "" {
		t.Errorf("(-made +loaded):\n%s", diff)
	}
	list, err := s.Instances(t.Context())
	if err != nil || len(list) != 1 || list[0].Spec.ID != f.Spec.ID {
		t.Errorf("instances are %v (%v)", list, err)
	}
	// One that was moved or copied by hand is not believed.
	moved := filepath.Join(filepath.Dir(f.Spec.Dir), "00000000")
	if err := os.Rename(f.Spec.Dir, moved); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LoadInstance(moved); err == nil {
		t.Error("a moved instance was loaded")
	}
}

// Whatever fails, nothing is left: each call of a program in turn.
func TestPrepareInstanceLeavesNothing(t *testing.T) {
	s, tools := testStore(t)
	if _, err := s.EnsureImage(t.Context(), testImage(), nil); err != nil {
		t.Fatal(err)
	}
	const disks = 3 // two systems, one data disk
	for n := range disks {
		left := n
		tools.fail = func(Tool) error {
			if left--; left < 0 {
				return errBroken
			}
			return nil
		}
		if _, err := s.PrepareInstance(t.Context(), testLab(), "up", "tcg", false, nil); !errors.Is(err, errBroken) {
			t.Errorf("call %d: error is %v", n, err)
		}
		noTrace(t, s)
	}
	if len(s.held) != 0 {
		t.Errorf("%d locks are still held", len(s.held))
	}
}

func TestPrepareInstanceSocketsTooLong(t *testing.T) {
	s, _ := testStore(t)
	s.runtime = filepath.Join(s.runtime, strings.Repeat("x", 60))
	if err := os.Mkdir(s.runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := s.PrepareInstance(t.Context(), testLab(), "up", "tcg", false, nil)
	var host *lab.HostError
	if !errors.As(err, &host) || !strings.Contains(host.Hint, "XDG_RUNTIME_DIR") {
		t.Errorf("error is %v, want a HostError with a hint", err)
	}
	noTrace(t, s)
}

// Two stores stand for two processes: the maker's lock on the journal protects
// an instance until its agent has its own.
func TestStale(t *testing.T) {
	base, tools := t.TempDir(), &fakeTools{}
	maker := storeAt(t, base, tools)
	other := storeAt(t, base, tools)
	f, err := maker.PrepareInstance(t.Context(), testLab(), "up", "tcg", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := f.Spec.ID
	stale := func() int {
		t.Helper()
		list, err := other.Stale(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if !other.alive(id) || stale() != 0 {
		t.Error("an instance is stale while its maker lives")
	}
	agent := lockFile(t, filepath.Join(f.Spec.Dir, agentLock))
	_ = maker.held[id].release() // the maker dies
	if !other.alive(id) || stale() != 0 {
		t.Error("an instance is stale while its agent lives")
	}
	_ = agent.Close()
	if other.alive(id) || stale() != 1 {
		t.Error("an instance of nobody is not stale")
	}
	list, _ := other.Stale(t.Context())
	if list[0].Spec == nil || list[0].Spec.ID != id || list[0].Kind() != "instance" || !list[0].Is("dental") {
		t.Errorf("stale is %+v", list[0])
	}
	if err := other.RemoveStale(t.Context(), list[0]); err != nil {
		t.Fatal(err)
	}
	noTrace(t, maker)
}

// What no journal names is nobody's business.
func TestStaleKnowsJournalsAlone(t *testing.T) {
	s, _ := testStore(t)
	parent, err := s.instancesDir("dental")
	if err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(parent, "0123abcd")
	if err := os.Mkdir(precious, 0o700); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Stale(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("stale are %+v (%v), want none", list, err)
	}
	// A journal may name only what has its own id in it.
	j, err := s.newJournal()
	if err != nil {
		t.Fatal(err)
	}
	if err := j.intend(intent{Step: "folder", Path: precious}); err != nil {
		t.Fatal(err)
	}
	_ = j.release()
	list, err := s.Stale(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("stale are %+v (%v), want the journal", list, err)
	}
	if err := s.RemoveStale(t.Context(), list[0]); err == nil {
		t.Error("what is another's was to be removed without an error")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error("a folder that is another's was removed")
	}
}

// A crash can cut the last line off, and leave a journal that was just being
// opened.
func TestJournalCutOff(t *testing.T) {
	s, _ := testStore(t)
	j, err := s.newJournal()
	if err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(s.imagesDir(), partPrefix+j.id)
	if err := errors.Join(j.intend(intent{Step: "image", Path: part}), os.Mkdir(part, 0o700)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(j.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"step": "tree", "pa`)
	tree := s.partTree(part)
	err = errors.Join(err, f.Close(), j.intend(intent{Step: "tree", Path: tree}), os.Mkdir(tree, 0o700), j.release())
	if err != nil {
		t.Fatal(err)
	}
	fresh := s.newJournalPath("89abcdef")
	if err := os.WriteFile(fresh, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(fresh, testTime, testTime.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	list, err := s.Stale(t.Context())
	if err != nil || len(list) != 1 || list[0].Kind() != "unfinished-image" {
		t.Fatalf("stale are %+v (%v)", list, err)
	}
	if err := s.RemoveStale(t.Context(), list[0]); err != nil {
		t.Fatal(err)
	}
	noTrace(t, s)
}

func TestRemoveInstanceStaysInside(t *testing.T) {
	s, _ := testStore(t)
	parent, err := s.instancesDir("dental")
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "0123abcd")
	if err := os.MkdirAll(filepath.Join(outside, "precious"), 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(parent, "0123abcd")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(s.labsDir(), "linked")); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(s.runtime, "0123abcd")
	for _, dir := range []string{
		link, outside, "/", "", parent, filepath.Join(parent, "..", "instances", "0123abcd"),
		filepath.Join(s.labsDir(), "linked", "instances", "0123abcd"),
		filepath.Join(parent, "0123abcd", "x"), filepath.Join(parent, "name"),
	} {
		if err := s.removeFolders(dir, run); err == nil {
			t.Errorf("%q was removed", dir)
		}
	}
	dir := filepath.Join(parent, "89abcdef")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.removeFolders(dir, filepath.Dir(outside)); err == nil {
		t.Error("a foreign folder of sockets was removed")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(outside, "precious")); err != nil {
		t.Errorf("what lies outside was removed: %v", err)
	}
	if err := s.removeFolders(dir, filepath.Join(s.runtime, "89abcdef")); err != nil {
		t.Errorf("removing again: %v", err)
	}
}

func TestPrepareInstanceCancelled(t *testing.T) {
	s, tools := testStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	tools.hook = func(context.Context) { cancel() }
	if _, err := s.PrepareInstance(ctx, testLab(), "up", "tcg", false, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	noTrace(t, s)
}
