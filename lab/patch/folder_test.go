package patch

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.deb", "b.deb.part", "c/x.deb", "c/deep/y.deb.tmp", "d/x.deb", "d/.y.part", "d/.git/z.part", "e.part/x.deb", "f/.x.deb.Ab12Cd"} {
		write(t, filepath.Join(dir, name), "x")
	}
	if err := os.Symlink("c", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a.deb": "", "b.deb.part": "b.deb.part", "c": "c/deep/y.deb.tmp", "d": "", "e.part": "e.part", "link": "link/deep/y.deb.tmp",
		"f": "f/.x.deb.Ab12Cd", "has-its-name-now.part": "has-its-name-now.part",
	} {
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got, err := Unfinished(filepath.Join(dir, name)); got != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := Unfinished(filepath.Join(dir, "none")); err == nil {
		t.Error("what is not there is whole")
	}
}

// What is no file is not waited for, and a folder that leads back to itself
// ends.
func TestFolderWithOddThings(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.deb"), testDeb(t))
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "more", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "more", "gone")); err != nil {
		t.Fatal(err)
	}
	if p, err := FromPath(dir, testLab(), nil); err != nil || len(p.Files) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := os.Symlink(".", filepath.Join(dir, "self")); err != nil {
		t.Fatal(err)
	}
	if p, err := FromPath(dir, testLab(), nil); err == nil {
		t.Errorf("its own files in a folder of it: %+v", p)
	}
}
