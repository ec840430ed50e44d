package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateDocs = flag.Bool("update-docs", false, "rewrite docs/commands")

const manual = "../../docs/commands"

// What docs/commands says is what the commands say of themselves.
func TestManual(t *testing.T) {
	out := t.TempDir()
	if code := Main([]string{"docs", out}, nil, os.Stdout, os.Stderr); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	if *updateDocs {
		if err := os.RemoveAll(manual); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(manual, os.DirFS(out)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := filepath.Glob(filepath.Join(out, "*.md"))
	if err != nil || len(want) == 0 {
		t.Fatalf("no manual: %v", err)
	}
	have, err := filepath.Glob(filepath.Join(manual, "*.md"))
	if err != nil || len(have) != len(want) {
		t.Errorf("%d pages, want %d: go test ./cmd/patchlab -run TestManual -update-docs", len(have), len(want))
	}
	for _, path := range want {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(manual, filepath.Base(path)))
		if err != nil || string(page) != string(text) {
			t.Errorf("%s is not what the command says (%v): go test ./cmd/patchlab -run TestManual -update-docs", filepath.Base(path), err)
		}
	}
}

// Each command has its man page, whose lines roff does not take for requests.
func TestManPages(t *testing.T) {
	out := t.TempDir()
	if code := Main([]string{"docs", out, "--format", "man"}, nil, os.Stdout, os.Stderr); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	for _, name := range []string{"patchlab", "patchlab-test", "patchlab-gate", "patchlab-night", "patchlab-ledger-merge"} {
		text, err := os.ReadFile(filepath.Join(out, name+".1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`.TH "PATCHLAB`, ".SH NAME", ".SH SYNOPSIS"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
	}
}
