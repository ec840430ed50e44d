package snapshots

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// sparse writes a file of size bytes with blocks of 64 KiB at their numbers.
func sparse(t *testing.T, size int64, blocks map[int64]byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "layer")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for n, b := range blocks {
		if _, err := f.WriteAt([]byte(strings.Repeat(string(b), int(min(sumBlock, size-n*sumBlock)))), n*sumBlock); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	sum, err := sparseSum(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestSparseSum(t *testing.T) {
	const size = 10*sumBlock + 100
	one := sumOf(t, sparse(t, size, map[int64]byte{1: 'x', 10: 'y'}))
	if zeros := sumOf(t, sparse(t, size, map[int64]byte{0: 0, 1: 'x', 5: 0, 10: 'y'})); zeros != one {
		t.Error("zeros count for more than a hole")
	}
	for name, other := range map[string]string{
		"a moved block":     sumOf(t, sparse(t, size, map[int64]byte{2: 'x', 10: 'y'})),
		"swapped blocks":    sumOf(t, sparse(t, size, map[int64]byte{1: 'y', 10: 'x'})),
		"a block less":      sumOf(t, sparse(t, size, map[int64]byte{1: 'x'})),
		"another byte":      sumOf(t, sparse(t, size, map[int64]byte{1: 'x', 10: 'z'})),
		"a hole at the end": sumOf(t, sparse(t, size+sumBlock, map[int64]byte{1: 'x', 10: 'y'})),
		"nothing":           sumOf(t, sparse(t, size, nil)),
	} {
		if other == one {
			t.Errorf("%s does not count", name)
		}
	}
	if sumOf(t, sparse(t, size, nil)) == sumOf(t, sparse(t, size-1, nil)) {
		t.Error("the length of a hole does not count")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sparseSum(ctx, sparse(t, size, nil)); err == nil {
		t.Error("it does not end with its context")
	}
}

func TestChangedLayers(t *testing.T) {
	e := simHost(t)
	r := makeReady(t, e, simLab()).state
	if len(r.Layers) != 2*5 { // state, disk, its overlay, first-boot data, RAM
		t.Errorf("layers are %+v", r.Layers)
	}
	check := func(when string, full bool, want ...string) {
		t.Helper()
		got := r.changedLayers(t.Context(), full, lab.Quiet(nil))
		if len(got) != len(want) || len(want) > 0 && !strings.Contains(got[0], want[0]) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	check("untouched", false)
	check("untouched, all read", true)

	ram := r.path("web" + ramSuffix)
	before, err := os.Stat(ram)
	if err != nil {
		t.Fatal(err)
	}
	flip := func() {
		t.Helper()
		f, err := os.OpenFile(ram, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, 5<<20); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1
		if _, err := f.WriteAt(b, 5<<20); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	flip()
	check("one bit", false, "layer web.ram was changed")
	if err := os.Chtimes(ram, time.Now(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	check("one bit, its time set back", false, "layer web.ram was changed") // ctime tells
	check("one bit, its time set back, all read", true, "layer web.ram was changed")
	// Times that a file system does not keep truly.
	for i, l := range r.Layers {
		if l.Name == "web"+ramSuffix {
			now, err := statLayer(ram)
			if err != nil {
				t.Fatal(err)
			}
			now.SHA256 = l.SHA256
			r.Layers[i] = now
		}
	}
	check("one bit, all times restored", false)
	check("one bit, all times restored, all read", true, "layer web.ram was changed")
	flip()
	check("the bit back", false) // another time, the same content
	if err := os.Truncate(ram, 1<<20); err != nil {
		t.Fatal(err)
	}
	check("shorter", false, "layer web.ram has 1048576 bytes instead of")
	if err := os.Remove(ram); err != nil {
		t.Fatal(err)
	}
	check("gone", true, "no such file")
}

// A ready state may be restored from a backup, or moved to another disk.
func TestCopiedReadyState(t *testing.T) {
	e := simHost(t)
	l := simLab()
	r := makeReady(t, e, l).state
	moved := r.dir + "-moved"
	if err := os.Rename(r.dir, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(moved, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if err := agent.CopyFile(t.Context(), f, filepath.Join(r.dir, filepath.Base(f))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(moved); err != nil {
		t.Fatal(err)
	}
	for _, full := range []bool{false, true} {
		if changed := r.changedLayers(t.Context(), full, lab.Quiet(nil)); len(changed) > 0 {
			t.Errorf("full %v: %q", full, changed)
		}
	}
	again := makeReady(t, e, l)
	if again.built {
		t.Error("it was made anew")
	}
	if rec := again.Prove(t.Context(), nil, true, nil); !rec.Proven {
		t.Errorf("receipt: %+v", rec)
	}
}
