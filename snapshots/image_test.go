package snapshots

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestFindImage(t *testing.T) {
	list := []Image{
		{SHA256: "aabbcc11" + strings.Repeat("0", 56), Name: "server"},
		{SHA256: "aabbcc22" + strings.Repeat("0", 56), Name: "server"},
		{SHA256: "ddeeff33" + strings.Repeat("0", 56), Name: "desk"},
	}
	for _, tt := range []struct {
		ref  string
		want int // index; -1: an error
	}{
		{"aabbcc1", 0},
		{"AABBCC2", 1},
		{"desk", 2},
		{"ddeeff", 2},
		{"server", -1},
		{"aabbcc", -1},
		{"ddeef", -1},
		{"", -1},
		{"no", -1},
	} {
		got, err := findImage(list, tt.ref)
		var usage *lab.UsageError
		switch {
		case tt.want < 0 && !errors.As(err, &usage):
			t.Errorf("%q gives %v, want a usage error", tt.ref, err)
		case tt.want >= 0 && (err != nil || got.SHA256 != list[tt.want].SHA256):
			t.Errorf("%q gives %q (%v), want %q", tt.ref, got.SHA256, err, list[tt.want].SHA256)
		}
	}
	if _, err := findImage(list, "server"); !strings.Contains(err.Error(), "aabbcc110000 (server), aabbcc220000 (server)") {
		t.Errorf("ambiguous: %v", err)
	}
}

func TestRemoveImage(t *testing.T) {
	s, _ := testStore(t)
	f, err := s.PrepareInstance(t.Context(), testLab(), "up", "tcg", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	var busy *lab.BusyError
	if _, err := s.RemoveImage(t.Context(), "server"); !errors.As(err, &busy) || !strings.Contains(busy.Holder, f.Spec.ID) {
		t.Fatalf("removing a used image: %v, want a BusyError naming %s", err, f.Spec.ID)
	}
	list, err := s.Images(t.Context())
	if err != nil || len(list) != 1 || len(list[0].Users) != 1 || list[0].Users[0] != "instance "+f.Spec.ID {
		t.Fatalf("images are %+v (%v)", list, err)
	}
	if err := s.RemoveInstance(t.Context(), f.Spec); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RemoveImage(t.Context(), list[0].SHA256[:8]); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Images(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("images are %+v (%v), want none", list, err)
	}
	noTrace(t, s)
}

// A disk that was cut short, or is not what its folder says, is no image.
func TestImageDamaged(t *testing.T) {
	for name, damage := range map[string]func(img Image) error{
		"cut": func(img Image) error { return errors.Join(os.Chmod(img.Path, 0o600), os.Truncate(img.Path, 3)) },
		"described otherwise": func(img Image) error {
			img.SHA256 = strings.Repeat("0", 64)
			b, err := json.Marshal(img)
			return errors.Join(err, os.WriteFile(filepath.Join(filepath.Dir(img.Path), imageFile), b, 0o600))
		},
		"gone": func(img Image) error { return os.Remove(img.Path) },
	} {
		t.Run(name, func(t *testing.T) {
			s, tools := testStore(t)
			img, err := s.EnsureImage(t.Context(), testImage(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(img); err != nil {
				t.Fatal(err)
			}
			again, err := s.EnsureImage(t.Context(), testImage(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if n := tools.count("mmdebstrap"); n != 2 {
				t.Errorf("built %d times, want again", n)
			}
			if b, err := os.ReadFile(again.Path); err != nil || string(b) != "qcow2 of disk.raw" {
				t.Errorf("disk is %q (%v)", b, err)
			}
			noTrace(t, s)
		})
	}
}
