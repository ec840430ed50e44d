package night_test

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
)

// sh is a Command whose program is a shell script; $2 is the lab's folder, $3
// the patch.
func sh(t *testing.T, script string) *night.Command {
	t.Helper()
	return &night.Command{Argv: []string{"/bin/sh", "-c", script, "patchlab"}, LogDir: filepath.Join(t.TempDir(), "logs")}
}

const passes = `printf '{"version":1,"run":"r","verdict":"pass","reason":"fine","dir":"/r","patch":{"sha256":"p"},"definition":{"sha256":"d"}}\n'; `

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		shared       bool
		code         int
		verdict      lab.Verdict
		reason       string
		skipped      string
		log          bool
	}{
		{name: "passes", script: passes, verdict: lab.Pass, reason: "fine"},
		{
			name:   "fails",
			script: `echo '{"version":1,"verdict":"fail","reason":"the \u001b[31mpage\u202e is gone"}'; echo so >&2; exit 1`,
			code:   1, verdict: lab.Fail, reason: `the page\u202e is gone`, log: true,
		},
		{name: "passes and ends badly", script: passes + `echo 'patchlab: error: no space' >&2; exit 3`, code: 3, verdict: lab.Pass, reason: "fine; the command ended with code 3: no space", log: true},
		{name: "passes and dies", script: passes + `kill -9 $$`, code: 3, verdict: lab.Pass, reason: "fine; the command died: killed", log: true},
		{name: "dies", script: `echo one >&2; echo two >&2; kill -SEGV $$`, code: 3, reason: "the command died: segmentation fault, without a run record: two", log: true},
		{
			name:   "bad definition",
			script: `printf 'reading\nError: Unknown machine\n\n  on lab.hcl line 3:\n     3:  targets\n        ^^^\n\nThere is no\nmachine "x".\n\nError: Second\n  its detail\n' >&2; exit 2`,
			code:   2, reason: `Unknown machine in lab.hcl line 3: There is no machine "x". (and 1 more)`, log: true,
		},
		{
			name: "error and hint", script: `printf 'patchlab: error: cannot fork\npatchlab: hint: do\n  | console\n  all of it: /x\n' >&2; exit 3`,
			code: 3, reason: "cannot fork", log: true,
		},
		{name: "busy", script: `echo 'patchlab: error: memory is in use' >&2; exit 4`, code: 4, reason: "memory is in use", log: true},
		{name: "says nothing", script: `exit 4`, code: 4, reason: "the command ended with code 4 and said nothing", log: true},
		{name: "says nothing at all", script: `exit 0`, code: 3, reason: "the command ended with code 0, without a run record", log: true},
		{name: "failed without a record", script: `echo why >&2; exit 1`, code: 3, reason: "the command ended with code 1, without a run record: why", log: true},
		{name: "odd code", script: `exit 77`, code: 3, reason: "the command ended with code 77, without a run record", log: true},
		{
			name: "crashes", script: `printf 'working\npanic: nil map\n\ngoroutine 1 [running]:\nmain.main()\n' >&2; exit 2`,
			code: 3, reason: "patchlab broke: panic: nil map", log: true,
		},
		{name: "no record", script: `echo hello`, code: 3, reason: "the command ended with code 0, and printed something else than one run record", log: true},
		{name: "two records", script: passes + passes, code: 3, reason: "the command ended with code 0, and printed something else than one run record", log: true},
		{name: "no verdict", script: `echo '{"version":1,"verdict":"great"}'`, code: 3, reason: "the command ended with code 0, and printed something else than one run record", log: true},
		{name: "newer", script: `echo '{"version":2,"verdict":"pass"}'`, code: 3, reason: "the command ended with code 0, and printed something else than one run record", log: true},
		{
			name: "not for this lab", shared: true,
			script: `echo '{"version":1,"verdict":"inconclusive","reason":"n","machines":[{"target":false},{"target":true,"outcome":{"status":"not-applicable"}}]}'; exit 3`,
			code:   0, verdict: lab.Inconclusive, reason: "n", skipped: "nothing to do on this lab",
		},
		{
			name:   "not for this lab, but meant to be",
			script: `echo '{"version":1,"verdict":"inconclusive","reason":"n","machines":[{"target":true,"outcome":{"status":"not-applicable"}}]}'; exit 3`,
			code:   3, verdict: lab.Inconclusive, reason: "n", log: true,
		},
		{
			name: "there already, or not for this lab", shared: true,
			script: `echo '{"version":1,"verdict":"inconclusive","reason":"n","machines":[{"target":true,"outcome":{"status":"already-installed"}},{"target":true,"outcome":{"status":"not-applicable"}}]}'; exit 3`,
			code:   0, verdict: lab.Inconclusive, reason: "n", skipped: "the machines that it is for have it already",
		},
		{
			name: "applied on one of its machines", shared: true,
			script: `echo '{"version":1,"verdict":"inconclusive","reason":"n","machines":[{"target":true,"outcome":{"status":"applied"}},{"target":true,"outcome":{"status":"not-applicable"}}]}'; exit 3`,
			code:   3, verdict: lab.Inconclusive, reason: "n", log: true,
		},
		{
			name: "the host's fault", shared: true,
			script: `echo '{"version":1,"verdict":"inconclusive","reason":"n","findings":[{"host":true}],"machines":[{"target":true,"outcome":{"status":"not-applicable"}}]}'; exit 3`,
			code:   3, verdict: lab.Inconclusive, reason: "n", log: true,
		},
		{
			name: "nobody was asked", shared: true, script: `echo '{"version":1,"verdict":"inconclusive","reason":"n"}'; exit 3`,
			code: 3, verdict: lab.Inconclusive, reason: "n", log: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := job("lab", "patch")
			j.Shared = tt.shared
			o := sh(t, tt.script).RunJob(t.Context(), j)
			if o.Code != tt.code || o.Verdict != tt.verdict || o.Reason != tt.reason || o.Skipped != tt.skipped {
				t.Errorf("got %d %q %q %q", o.Code, o.Verdict, o.Reason, o.Skipped)
			}
			if (o.Log != "") != tt.log {
				t.Errorf("log %q", o.Log)
			}
			if _, err := os.Stat(o.Log); tt.log && err != nil {
				t.Error(err)
			}
		})
	}
}

// Nothing of what it is given goes through a shell or is taken for a flag.
func TestCommandArguments(t *testing.T) {
	c := sh(t, `printf '%s\n' "$@" >&2; env >&2; exit 4`)
	c.Args, c.Env = []string{"--format", "json"}, []string{"ONE=1"}
	j := job("../../lab", "-x; touch /tmp/y `z` $(w)\n")
	j.Patch = strings.Repeat("é/../", 100)
	o := c.RunJob(t.Context(), j)
	text, err := os.ReadFile(o.Log)
	must(t, err)
	if want := "--format\njson\n--\n" + j.LabDir + "\n" + j.Arg + "\n"; !strings.HasPrefix(string(text), want) || !strings.Contains(string(text), "ONE=1\n") || strings.Contains(string(text), "HOME=") {
		t.Errorf("got %q", text)
	}
	if filepath.Dir(o.Log) != c.LogDir || len(filepath.Base(o.Log)) > 120 {
		t.Errorf("log %s", o.Log)
	}
}

func TestCommandCannotStart(t *testing.T) {
	c := &night.Command{Argv: []string{"/nonexistent/patchlab"}, LogDir: "/dev/null/logs"}
	o := c.RunJob(t.Context(), job("l", "p"))
	if o.Code != 3 || !strings.Contains(o.Reason, "could not be started") || o.Log != "" {
		t.Errorf("got %+v", o)
	}
}

// What it prints does not fill memory or disk, and does not stop it.
func TestCommandPrintsTooMuch(t *testing.T) {
	c := sh(t, `head -c 200000000 /dev/zero; head -c 20000000 /dev/zero | tr '\0' '\033' >&2; printf '\npatchlab: error: \033]0;x\007so\n' >&2; exit 1`)
	o := c.RunJob(t.Context(), job("l", "p"))
	if o.Code != 3 || o.Reason != "the command ended with code 1, and printed more than the 64 MiB that a run record may have: so" {
		t.Errorf("got %d %q", o.Code, o.Reason)
	}
	info, err := os.Stat(o.Log)
	must(t, err)
	if info.Size() < 8<<20 || info.Size() > 8<<20+100 {
		t.Errorf("the log has %d bytes", info.Size())
	}
}

// A full disk is no reason to stop a test.
func TestCommandLogFails(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	c := sh(t, passes+`echo much >&2`)
	o := c.RunJob(t.Context(), job("l", "p"))
	if o.Code != 0 {
		t.Fatalf("got %+v", o)
	}
	failing := sh(t, `echo one >&2; exit 4`)
	first := failing.RunJob(t.Context(), job("l", "p"))
	must(t, os.Remove(first.Log))
	must(t, os.Symlink("/dev/full", first.Log))
	if o := failing.RunJob(t.Context(), job("l", "p")); o.Code != 4 || o.Reason != "one" {
		t.Errorf("got %+v", o)
	}
}

// pipe is a named pipe in a folder, and what comes out of it.
func pipe(t *testing.T) (path string, open func() *bufio.Reader) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	return path, func() *bufio.Reader {
		f, err := os.Open(path)
		if err != nil {
			t.Error(err)
			return bufio.NewReader(strings.NewReader(""))
		}
		t.Cleanup(func() { f.Close() })
		return bufio.NewReader(f)
	}
}

// The end of its context is told once, and waited for.
func TestCommandIsInterrupted(t *testing.T) {
	path, open := pipe(t)
	c := sh(t, `trap 'echo "patchlab: interrupted: everything was cleaned up" >&2; exit 130' TERM
		exec 3>"$2"; echo up >&3; exec 3>&-; while :; do sleep 0.01; done`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = open().ReadString('\n')
		cancel()
	}()
	j := job("l", "p")
	j.LabDir = path
	if o := c.RunJob(ctx, j); o.Code != 130 || o.Reason != "everything was cleaned up" {
		t.Errorf("got %+v", o)
	}
}

// Who does not end is killed, with the children that it has.
func TestCommandIsKilled(t *testing.T) {
	path, open := pipe(t)
	c := sh(t, `trap '' TERM; exec 3>"$2"; sleep 1000 & echo up >&3; while :; do sleep 0.05; done`)
	c.Patience = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r := open()
		_, _ = r.ReadString('\n')
		cancel()
		_, _ = r.ReadString('\n') // until nobody holds it
	}()
	j := job("l", "p")
	j.LabDir = path
	if o := c.RunJob(ctx, j); o.Code != 3 || o.Reason != "the command died: killed, without a run record" {
		t.Errorf("got %+v", o)
	}
	<-ended
}
