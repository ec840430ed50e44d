package snapshots

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

func TestEnsureImageBuildsAndReuses(t *testing.T) {
	s, tools := testStore(t)
	first, err := s.EnsureImage(t.Context(), testImage(), nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o444 {
		t.Errorf("image has mode %04o, want 0444", got)
	}
	if filepath.Base(filepath.Dir(first.Path)) != first.SHA256 || len(first.SHA256) != 64 {
		t.Errorf("image %q is at %s", first.SHA256, first.Path)
	}
	if first.VirtualBytes != 4<<30 || first.Format != "qcow2" || first.Name != "server" {
		t.Errorf("image is described as %+v", first)
	}
	second, err := s.EnsureImage(t.Context(), testImage(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("second time (-first +second):\n%s", diff)
	}
	if n := tools.count("mmdebstrap"); n != 1 {
		t.Errorf("built %d times, want once", n)
	}
	noTrace(t, s)
}

// Two processes are two Stores on one folder: flock tells them apart.
func TestEnsureImageBuiltOnce(t *testing.T) {
	tools := &fakeTools{}
	base := t.TempDir()
	building, goOn := make(chan struct{}), make(chan struct{})
	tools.hook = func(context.Context) { close(building); <-goOn } // a second build would panic here
	one, two := storeAt(t, base, tools), storeAt(t, base, tools)

	var wg sync.WaitGroup
	var images [2]Image
	var errs [2]error
	wg.Go(func() { images[0], errs[0] = one.EnsureImage(t.Context(), testImage(), nil) })
	<-building
	shown := &steps{saw: make(chan string, 100)}
	wg.Go(func() { images[1], errs[1] = two.EnsureImage(t.Context(), testImage(), shown) })
	if text := <-shown.saw; text != `waiting for another patchlab that makes image "server"` {
		t.Errorf("the second shows %q", text)
	}
	close(goOn)
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	if images[0].SHA256 == "" || images[0].SHA256 != images[1].SHA256 {
		t.Errorf("images %q and %q", images[0].SHA256, images[1].SHA256)
	}
	if n := tools.count("mmdebstrap"); n != 1 {
		t.Errorf("built %d times, want once", n)
	}
}

func TestEnsureImageLeavesNothing(t *testing.T) {
	for _, name := range []string{"apt-get", "mmdebstrap", "sfdisk", "qemu-system-x86_64", "qemu-img"} {
		t.Run(name, func(t *testing.T) {
			s, tools := testStore(t)
			tools.fail = func(tool Tool) error {
				if tool.Name == name {
					return &exec.Error{Name: name, Err: exec.ErrNotFound}
				}
				return nil
			}
			_, err := s.EnsureImage(t.Context(), testImage(), nil)
			var host *lab.HostError
			if !errors.As(err, &host) || !strings.Contains(host.Hint, "make setup") {
				t.Errorf("error is %v, want a HostError with a hint", err)
			}
			if !strings.Contains(err.Error(), "it broke") {
				t.Errorf("error %q does not have the program's words", err)
			}
			noTrace(t, s)
			tools.fail = nil
			if _, err := s.EnsureImage(t.Context(), testImage(), nil); err != nil {
				t.Errorf("after the failure: %v", err)
			}
		})
	}
}

func TestEnsureImageCancelled(t *testing.T) {
	s, tools := testStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	tools.hook = func(context.Context) { cancel() }
	_, err := s.EnsureImage(ctx, testImage(), nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
	noTrace(t, s)
}

func TestEnsureImageNeverBooted(t *testing.T) {
	s, tools := testStore(t)
	tools.panic = true
	_, err := s.EnsureImage(t.Context(), testImage(), nil)
	if err == nil || !strings.Contains(err.Error(), "Kernel panic") {
		t.Errorf("error is %v, want the console's end", err)
	}
	log, err := os.ReadFile(filepath.Join(s.logsDir(), "image-server.log"))
	if err != nil || !strings.Contains(string(log), "Kernel panic") {
		t.Errorf("the log has %q (%v), want the console", log, err)
	}
	noTrace(t, s)
}

// What a killed build left is removed by the next sweep; what is being built
// is not.
func TestSweepParts(t *testing.T) {
	s, _ := testStore(t)
	dead, j, err := s.newPart()
	if err != nil {
		t.Fatal(err)
	}
	tree := s.partTree(dead)
	if err := os.MkdirAll(filepath.Join(tree, "etc"), 0o700); err != nil {
		t.Fatal(err)
	}
	_ = j.release() // its maker dies
	alive, other, err := s.newPart()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.end() }()
	swept, err := (&Engine{Store: s}).Sweep(t.Context())
	if err != nil || len(swept) != 1 || swept[0].Kind() != "unfinished-image" {
		t.Errorf("swept %+v (%v)", swept, err)
	}
	for _, dir := range []string{dead, tree} {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there (%v)", dir, err)
		}
	}
	if _, err := os.Stat(alive); err != nil {
		t.Errorf("an image that is being built was removed: %v", err)
	}
}
