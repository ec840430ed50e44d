package snapshots

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// needQemuImg gives a store that runs the host's own qemu-img.
func needQemuImg(t *testing.T) *Store {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed")
	}
	return storeAt(t, t.TempDir(), hostRunner{})
}

func TestRealOverlay(t *testing.T) {
	s := needQemuImg(t)
	raw := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(raw, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := s.EnsureImage(t.Context(), &lab.Image{Name: "zeros", Source: raw}, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "overlay.qcow2")
	if err := s.overlay(t.Context(), img, path); err != nil {
		t.Fatal(err)
	}
	info, err := s.diskInfo(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Format != "qcow2" || info.Backing != img.Path || info.VirtualSize != 8<<20 {
		t.Errorf("overlay is %+v", info)
	}
	if st, err := os.Stat(path); err != nil || st.Size() > 1<<20 {
		t.Errorf("overlay has %d bytes (%v): a copy", st.Size(), err)
	}
	// And it is refused as an image: it names another file.
	var usage *lab.UsageError
	if _, err := s.EnsureImage(t.Context(), &lab.Image{Name: "evil", Source: path}, nil); !errors.As(err, &usage) {
		t.Errorf("an overlay was imported: %v", err)
	}
	noTrace(t, s)
}

func TestRealDataDisk(t *testing.T) {
	s := needQemuImg(t)
	path := filepath.Join(t.TempDir(), "data.qcow2")
	if err := s.emptyDisk(t.Context(), path, 100); err != nil {
		t.Fatal(err)
	}
	info, err := s.diskInfo(t.Context(), path)
	if err != nil || info.VirtualSize != 100<<20 || info.Backing != "" {
		t.Errorf("disk is %+v (%v)", info, err)
	}
}
