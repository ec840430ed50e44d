package hcl_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// write makes files in a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"b.hcl": "", "a.hcl": "", ".hidden.hcl": "", "readme.md": "", "vars.tfvars": "", "a.hcl~": "",
		"sub/c.hcl": "", "dir.hcl/d.hcl": "", "elsewhere": "",
	})
	if err := os.Symlink("elsewhere", filepath.Join(dir, "link.hcl")); err != nil {
		t.Fatal(err)
	}
	got, err := hcl.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "a.hcl"), filepath.Join(dir, "b.hcl"), filepath.Join(dir, "link.hcl")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestFilesRefuses(t *testing.T) {
	dangling := t.TempDir()
	if err := os.Symlink("nothing", filepath.Join(dangling, "lab.hcl")); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"missing":  filepath.Join(t.TempDir(), "nothing"),
		"empty":    t.TempDir(),
		"file":     filepath.Join(write(t, map[string]string{"lab.hcl": ""}), "lab.hcl"),
		"dangling": dangling,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := hcl.Files(dir)
			var usage *lab.UsageError
			if !errors.As(err, &usage) || usage.Hint == "" {
				t.Fatalf("error %v, want a UsageError with a hint", err)
			}
			l, d := hcl.Load(dir, hcl.Options{})
			if l != nil || len(d.All()) != 1 || !strings.Contains(d.Error(), usage.Hint) {
				t.Errorf("Load says %q, want one diagnostic with the hint %q", d.Error(), usage.Hint)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	got, err := hcl.Format([]byte("lab \"x\"   {\nclient=\"y\" # z\n  description   = \"a\"\n}\n"), "lab.hcl")
	if err != nil {
		t.Fatal(err)
	}
	want := "lab \"x\" {\n  client      = \"y\" # z\n  description = \"a\"\n}\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("formatted (-want +got):\n%s", diff)
	}
}

func TestFormatRefusesSyntaxErrors(t *testing.T) {
	out, err := hcl.Format([]byte("lab {\n  a = \n}\n"), "dir/lab.hcl")
	var d *hcl.Diagnostics
	if out != nil || !errors.As(err, &d) || len(d.All()) != 1 {
		t.Fatalf("Format = %q, %v; want one diagnostic", out, err)
	}
	if got := d.All()[0]; got.File != "dir/lab.hcl" || got.Line != 2 {
		t.Errorf("place %s:%d, want dir/lab.hcl:2", got.File, got.Line)
	}
}

// TestDepth gives the parser what would exhaust its stack, in small files and
// in files of the largest size.
func TestDepth(t *testing.T) {
	for _, opening := range []string{"(", "[", "{a=", "!", "-", "a ? b : ", `"${`, "f(", "a[", "[for x in "} {
		units := map[string]int{"deep": 7000 / len(opening), "deepest": 40_000}
		for name, n := range units {
			dir := write(t, map[string]string{"lab.hcl": "x = " + strings.Repeat(opening, n)})
			if l, d := hcl.Load(dir, hcl.Options{}); l != nil || !d.HasErrors() {
				t.Errorf("%s %q: no mistake found", name, opening)
			} else if name == "deepest" && d.All()[0].Summary != "Nested too deeply" {
				t.Errorf("%s %q: %q", name, opening, d.All()[0].Summary)
			}
		}
	}
}

func TestLargeFlatFileIsNotDeep(t *testing.T) {
	dir := write(t, map[string]string{
		"lab.hcl": "lab \"x\" {}\nlocals {\n  a = [\n" + strings.Repeat("    [\"(-(\", -1, !true ? {} : {}],\n", 10_000) + "  ]\n}\n",
	})
	_, d := hcl.Load(dir, hcl.Options{})
	for _, g := range d.All() {
		if g.Summary != "Lab without a machine" {
			t.Errorf("%s: %s", g.Summary, g.Detail)
		}
	}
}

func TestFileTooLarge(t *testing.T) {
	dir := write(t, map[string]string{"lab.hcl": strings.Repeat("# comment\n", 900_000)})
	if _, d := hcl.Load(dir, hcl.Options{}); !strings.Contains(d.Error(), "the most is") {
		t.Errorf("error %q", d.Error())
	}
}
