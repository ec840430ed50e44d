package check

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// onHost is a Linux machine that runs commands by this host's sh, with fake
// commands (shell text by name) before the real ones, and with the paths
// before and after each replacement changed in the scripts.
func onHost(t *testing.T, fakes map[string]string, replace ...string) *machine {
	t.Helper()
	bin := t.TempDir()
	for name, text := range fakes {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &machine{run: func(ctx context.Context, c lab.Command) (lab.Output, error) {
		var stdout, stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, "sh", "-c", strings.NewReplacer(replace...).Replace(c.Shell))
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		if ee := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ee) {
			return lab.Output{}, err
		}
		if c.Stdout != nil {
			_, _ = c.Stdout.Write(stdout.Bytes())
		}
		return lab.Output{ExitCode: cmd.ProcessState.ExitCode(), Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, nil
	}}
}

// tree makes files below a folder of the test's own, and returns the folder.
func tree(t *testing.T, files map[string]string) string {
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

var markIn = regexp.MustCompile(`(?m)(?:^mark=|WriteLine\(')([A-Z2-7]{26})`)

// answers is a machine that answers every script with facts, as a machine of
// its system would.
func answers(t *testing.T, system lab.OS, got facts) *machine {
	m := &machine{os: system}
	m.run = func(_ context.Context, c lab.Command) (lab.Output, error) {
		mark := markIn.FindStringSubmatch(c.Shell)
		if mark == nil {
			t.Fatalf("no mark in %s", c.Shell)
		}
		balanced(t, system, c.Shell)
		text := factText(mark[1], got)
		if system == lab.Windows {
			all := map[string]string{"end": ""}
			for k, v := range got {
				all[k] = v
			}
			j, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			text = mark[1] + " " + base64.StdEncoding.EncodeToString(j) + "\r\n"
		}
		_, _ = c.Stdout.Write([]byte(text))
		return lab.Output{Stdout: []byte(text)}, nil
	}
	return m
}

func factText(mark string, got facts) string {
	var b strings.Builder
	for k, v := range got {
		b.WriteString("\n" + mark + " " + k + "\n" + v)
	}
	return b.String() + "\n" + mark + " end\n"
}

// balanced fails for a PowerShell text whose quotes or brackets don't close:
// no test can run it.
func balanced(t *testing.T, system lab.OS, script string) {
	t.Helper()
	if system != lab.Windows {
		return
	}
	var open []rune
	quote := rune(0)
	closes := map[rune]rune{')': '(', '}': '{', ']': '['}
	for _, r := range script {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case strings.ContainsRune("([{", r):
			open = append(open, r)
		case closes[r] != 0:
			if len(open) == 0 || open[len(open)-1] != closes[r] {
				t.Fatalf("%q closes nothing in %s", r, script)
			}
			open = open[:len(open)-1]
		}
	}
	if quote != 0 || len(open) > 0 {
		t.Fatalf("something stays open in %s", script)
	}
}

// row is one case of a table of checks.
type row struct {
	name    string
	spec    lab.CheckSpec
	m       *machine
	passed  bool
	message string
}

func runRows(t *testing.T, rows []row) {
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) { want(t, make1(t, c.spec, c.m, long), c.passed, c.message) })
	}
}

func p[T any](v T) *T { return &v }
