package hcl_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// seed adds every definition file of the test cases.
func seed(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*/*/*.hcl")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add(everyKind(f))
	for _, src := range []string{
		"\xef\xbb\xbflab \"x\" {}", "lab \"x\" {\r\n}\r\n", "a = \"\x00\xff\"", "locals {\n  a = 1e999999999\n  b = \"${1e99999}\"\n}",
		"locals {\n  a = toset([{ x = null }, machine.m])\n  b = jsonencode(machine.m)\n  c = [for k, v in machine.m : v...]\n}",
		"locals {\n  a = format(\"%99999s\", 1)\n  b = <<-E\n  x\n  E\n  c = machine.m[*]\n}",
	} {
		f.Add([]byte(src))
	}
}

// FuzzLoad gives any bytes as a definition: they are a valid lab or there are
// diagnostics that can be shown, and never a panic.
func FuzzLoad(f *testing.F) {
	seed(f)
	dir := f.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/valid/every_kind")); err != nil {
		f.Fatal(err)
	}
	for _, name := range everyKindFiles(f) {
		if err := os.Remove(filepath.Join(dir, filepath.Base(name))); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<14 {
			return
		}
		if err := os.WriteFile(filepath.Join(dir, "lab.hcl"), src, 0o600); err != nil {
			t.Fatal(err)
		}
		l, d := hcl.Load(dir, hcl.Options{Vars: []string{"password=hunter2"}})
		if (l == nil) != d.HasErrors() {
			t.Fatalf("lab %v with diagnostics %v", l, d)
		}
		if l == nil {
			if d.Error() == "" || len(d.All()) == 0 {
				t.Fatal("an error without text")
			}
			return
		}
		var out bytes.Buffer
		if err := lab.NewPlan(l).WriteTree(&out); err != nil {
			t.Fatal(err)
		}
		var checks []hcl.SuggestedCheck
		for _, c := range l.Checks {
			checks = append(checks, hcl.SuggestedCheck{Comment: c.Name, Check: c})
			if c.Spec == nil || c.From == nil && c.FromNet == nil {
				t.Fatalf("check %q is not whole", c.Name)
			}
		}
		var written bytes.Buffer
		if err := hcl.WriteChecks(&written, checks); err != nil {
			return // one with a private key
		}
		again, err := hcl.Format(written.Bytes(), "checks.hcl")
		if err != nil || !bytes.Equal(again, written.Bytes()) {
			t.Fatalf("written checks are refused (%v) or not formatted:\n%s", err, written.Bytes())
		}
	})
}

// everyKindFiles are the definition files of the lab with every kind of block.
func everyKindFiles(f *testing.F) []string {
	f.Helper()
	files, err := filepath.Glob("testdata/valid/every_kind/*.hcl")
	if err != nil || len(files) == 0 {
		f.Fatalf("no files: %v", err)
	}
	return files
}

// everyKind is that lab as one file.
func everyKind(f *testing.F) []byte {
	f.Helper()
	var out []byte
	for _, name := range everyKindFiles(f) {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, src...)
	}
	return out
}

// FuzzFormat formats any bytes: what it accepts it formats to something that
// it accepts and leaves as it is.
func FuzzFormat(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<14 {
			return
		}
		once, err := hcl.Format(src, "lab.hcl")
		if err != nil {
			return
		}
		twice, err := hcl.Format(once, "lab.hcl")
		if err != nil {
			t.Fatalf("its own output is refused: %v\n%s", err, once)
		}
		if !bytes.Equal(once, twice) {
			t.Fatalf("formatting twice differs:\n%q\n%q", once, twice)
		}
	})
}
