package snapshots

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func sourceImage(t *testing.T) *lab.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server2019.vhdx")
	if err := os.WriteFile(path, []byte("a disk"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &lab.Image{Name: "old", OS: lab.Windows, Source: path}
}

func TestImportSource(t *testing.T) {
	s, tools := testStore(t)
	tools.info = `{"format": "vhdx", "virtual-size": 1024}`
	img := sourceImage(t)
	sum := sha256.Sum256([]byte("a disk"))
	img.SHA256 = hex.EncodeToString(sum[:])
	one, err := s.EnsureImage(t.Context(), img, nil)
	if err != nil {
		t.Fatal(err)
	}
	if one.Recipe != "source-"+img.SHA256 || one.VirtualBytes != 1024 || one.Source != img.Source {
		t.Errorf("image is %+v", one)
	}
	two, err := s.EnsureImage(t.Context(), img, nil)
	if err != nil || two.SHA256 != one.SHA256 || tools.count("qemu-img convert") != 1 {
		t.Errorf("second time: %+v (%v), converted %d times", two, err, tools.count("qemu-img convert"))
	}
	noTrace(t, s)
}

func TestSourcePinned(t *testing.T) {
	s, _ := testStore(t)
	img := sourceImage(t)
	img.SHA256 = strings.Repeat("0", 64)
	_, err := s.EnsureImage(t.Context(), img, nil)
	var usage *lab.UsageError
	sum := sha256.Sum256([]byte("a disk"))
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), img.SHA256) || !strings.Contains(err.Error(), hex.EncodeToString(sum[:])) {
		t.Errorf("error is %v, want both hashes", err)
	}
	img.Source += ".missing"
	if _, err := s.EnsureImage(t.Context(), img, nil); !errors.As(err, &usage) {
		t.Errorf("missing file: %v", err)
	}
}

// A disk file could name any file of the host as its backing: none may.
func TestSourceStandsAlone(t *testing.T) {
	img := sourceImage(t)
	for name, info := range map[string]string{
		"backing":    `{"format": "qcow2", "virtual-size": 1, "backing-filename": "/etc/shadow"}`,
		"data file":  `{"format": "qcow2", "virtual-size": 1, "format-specific": {"type": "qcow2", "data": {"data-file": "/etc/shadow"}}}`,
		"extents":    `{"format": "vmdk", "virtual-size": 1, "format-specific": {"type": "vmdk", "data": {"extents": [{"filename": "/etc/shadow"}]}}}`,
		"not a disk": `{"format": "luks", "virtual-size": 1}`,
	} {
		s, tools := testStore(t)
		tools.info = info
		var usage *lab.UsageError
		if _, err := s.EnsureImage(t.Context(), img, nil); !errors.As(err, &usage) {
			t.Errorf("%s: error is %v, want a usage error", name, err)
		}
		if tools.count("qemu-img convert") != 0 {
			t.Errorf("%s: it was converted", name)
		}
		noTrace(t, s)
	}
	own := diskInfo{Format: "vmdk"}
	own.Specific.Data.Extents = []struct {
		Filename string `json:"filename"`
	}{{img.Source}}
	if err := own.standsAlone(img.Source); err != nil {
		t.Errorf("a disk whose only extent is itself: %v", err)
	}
}

// A hash is remembered only for a file that is surely the same.
func TestSourceSumRemembered(t *testing.T) {
	s, _ := testStore(t)
	img := sourceImage(t)
	s.now = func() time.Time { return time.Now().Add(time.Hour) } // the file is at rest
	first, err := s.sourceSum(t.Context(), img, lab.Quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	n, err := lookAt(img.Source)
	if err != nil || s.notedSum(n) != first {
		t.Fatalf("noted %q (%v), want %q", s.notedSum(n), err, first)
	}
	if err := os.WriteFile(img.Source, []byte("b disk"), 0o600); err != nil {
		t.Fatal(err)
	}
	// An attacker sets the times back; the change time tells.
	if err := os.Chtimes(img.Source, time.Unix(0, n.MTime), time.Unix(0, n.MTime)); err != nil {
		t.Fatal(err)
	}
	n.CTime++ // at least: the clock of the file system is coarse
	if now, err := lookAt(img.Source); err != nil || (now.CTime < n.CTime && s.notedSum(now) == first) {
		t.Skip("the file system's clock did not tick")
	}
	second, err := s.sourceSum(t.Context(), img, lab.Quiet(nil))
	if err != nil || second == first {
		t.Errorf("a changed file has the hash %q (%v) of the old one", second, err)
	}
	s.now = time.Now // the file has just been written
	if err := os.WriteFile(img.Source, []byte("c disk"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err = lookAt(img.Source)
	if err != nil {
		t.Fatal(err)
	}
	s.noteSum(n, "x")
	if got := s.notedSum(n); got == "x" {
		t.Error("the hash of a file that may still change was remembered")
	}
}

func FuzzDiskInfo(f *testing.F) {
	f.Add([]byte(fakeInfo))
	f.Add([]byte(`{"format": "vmdk", "format-specific": {"data": {"extents": [{"filename": "/x"}]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var info diskInfo
		if json.Unmarshal(b, &info) != nil || info.standsAlone("/d") != nil {
			return
		}
		if info.Backing != "" || info.Specific.Data.DataFile != "" {
			t.Errorf("accepted %+v", info)
		}
	})
}
