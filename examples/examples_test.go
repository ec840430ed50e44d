// Package examples_test checks that the examples are what a user may copy:
// valid, formatted, and with packages that their sources make. It boots
// nothing.
package examples_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/patchlab/patchlab/hcl"
)

// labs returns the folders of the examples.
func labs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*/*" + hcl.Extension)
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	var dirs []string
	for _, f := range files {
		if d := filepath.Dir(f); len(dirs) == 0 || dirs[len(dirs)-1] != d {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

func TestExamplesAreValid(t *testing.T) {
	for _, dir := range labs(t) {
		l, mistakes := hcl.Load(dir, hcl.Options{})
		if mistakes.HasErrors() {
			t.Errorf("%s: %v", dir, mistakes)
			continue
		}
		if len(l.Machines) == 0 || len(l.Patches) == 0 || len(l.Checks) == 0 {
			t.Errorf("%s has %d machines, %d patches and %d checks", dir, len(l.Machines), len(l.Patches), len(l.Checks))
		}
	}
}

func TestExamplesAreFormatted(t *testing.T) {
	for _, dir := range labs(t) {
		files, err := hcl.Files(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			have, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := hcl.Format(have, file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(have, want) {
				t.Errorf("%s is not formatted: patchlab fmt %s", file, dir)
			}
		}
	}
}

// The packages of the dental lab are checked in, so that it is valid as it
// stands; they must be what build.sh makes.
func TestDentalPackagesAreBuiltFromTheirSources(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("there is no dpkg-deb here: not a Debian system")
	}
	out := t.TempDir()
	if text, err := exec.Command("dental/build.sh", out).CombinedOutput(); err != nil {
		t.Fatalf("build.sh: %v\n%s", err, text)
	}
	checkedIn := debs(t, "dental")
	built := debs(t, out)
	if len(checkedIn) != 3 || len(built) != len(checkedIn) {
		t.Fatalf("%d packages are checked in and %d are built, want 3", len(checkedIn), len(built))
	}
	for name, have := range checkedIn {
		if !bytes.Equal(have, built[name]) {
			t.Errorf("%s is not what its sources give: run examples/dental/build.sh", name)
		}
	}
}

// debs reads the packages below dir, by their path in it.
func debs(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"files/*.deb", "patches/*/*.deb"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				t.Fatal(err)
			}
			all[rel] = text
		}
	}
	return all
}

// README shows the language by a definition, which is formatted as well.
func TestREADMEIsFormatted(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(readme, []byte("```hcl\n"))
	example, _, closed := bytes.Cut(rest, []byte("```"))
	if !found || !closed {
		t.Fatal("README has no example")
	}
	want, err := hcl.Format(example, "README.md")
	if err != nil || !bytes.Equal(example, want) {
		t.Errorf("want (%v):\n%s", err, want)
	}
}
