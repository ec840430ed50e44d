package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"patchlab": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// The scripts run commands that need no machine: one behaviour each.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// Not below WorkDir, which QEMU's user could not enter.
			home, err := os.MkdirTemp("/var/tmp", "patchlab-script-")
			if err != nil {
				return err
			}
			e.Defer(func() { _ = os.RemoveAll(home) })
			e.Setenv("PATCHLAB_HOME", home)
			e.Setenv("XDG_RUNTIME_DIR", e.WorkDir)
			return os.Chmod(home, 0o755)
		},
	})
}

// Every command explains itself, with an example and the exit codes.
func TestHelp(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		t.Run(c.CommandPath(), func(t *testing.T) {
			var out strings.Builder
			if code := Main(append(strings.Fields(c.CommandPath())[1:], "--help"), nil, &out, &out); code != exitOK {
				t.Fatalf("exit code %d:\n%s", code, &out)
			}
			if !strings.Contains(out.String(), "Exit codes:") || c.Short == "" {
				t.Errorf("it does not explain itself:\n%s", &out)
			}
			if c.HasParent() && c.Example == "" {
				t.Error("it has no example")
			}
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&app{}))
}

func TestWorse(t *testing.T) {
	for _, tt := range []struct{ a, b, want int }{
		{exitOK, exitOK, exitOK},
		{exitOK, exitInconclusive, exitInconclusive},
		{exitInconclusive, exitFail, exitFail},
		{exitFail, exitOK, exitFail},
	} {
		if got := worse(tt.a, tt.b); got != tt.want {
			t.Errorf("worse(%d, %d) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
