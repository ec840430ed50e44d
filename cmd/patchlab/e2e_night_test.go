//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// A night and the guides have a home each, and go side by side: alone, each
// leaves a processor idle most of the time.
func TestE2ENightAndGuides(t *testing.T) {
	w := newWorld(t) // looks for what is left when both have ended
	w.want(0, "image", "build", smallLab(t, "image", "x", ""))
	t.Run("at once", func(t *testing.T) {
		t.Run("night", func(t *testing.T) {
			t.Parallel()
			nightOfSixLabs(t, w.elsewhere(t))
		})
		t.Run("guides", func(t *testing.T) {
			t.Parallel()
			guides(t, w.within(t))
		})
	})
}

// elsewhere is w with a home of its own, with the images that are there.
func (w *world) elsewhere(t *testing.T) *world {
	t.Helper()
	mine := w.within(t)
	home, err := os.MkdirTemp("/var/tmp", "patchlab-night-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	mine.home, mine.env = home, append(slices.Clone(w.env), "PATCHLAB_HOME="+home)
	shell(t, mine, `chmod 0711 "$PATCHLAB_HOME"; cp -a --sparse=always "$1/images" "$PATCHLAB_HOME/"`, w.home)
	return mine
}

// sixLabs writes six labs below one folder, all with the same subnet and
// address: one has a patch that was tested before, one a patch that breaks its
// page, one none, one is broken itself.
func sixLabs(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, name := range []string{"night-good", "night-twin", "night-none", "night-idle", "night-fail", "night-broken"} {
		dir := filepath.Join(root, name)
		if err := os.Rename(smallLab(t, name, name+"-marker", ""), dir); err != nil {
			t.Fatal(err)
		}
		if name == "night-none" {
			continue
		}
		if err := os.Mkdir(filepath.Join(dir, "incoming"), 0o755); err != nil {
			t.Fatal(err)
		}
		// It finds its own machine, or there is crosstalk.
		text := "set -e\ngrep -qx " + name + "-marker /var/www/html/marker\n"
		if name == "night-fail" {
			text += "rm /var/www/html/marker"
		}
		script(t, filepath.Join(dir, "incoming"), "update.sh", text)
	}
	breakLab(t, filepath.Join(root, "night-broken"))
	return root
}

func breakLab(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "lab.hcl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("image.server"), []byte("image.sever"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// nightRuns are the runs of the night, by lab.
func nightRuns(t *testing.T, w *world) map[string][]ledger.Entry {
	t.Helper()
	out := map[string][]ledger.Entry{}
	stdout, _ := w.want(0, "runs", "--format", "json")
	for line := range strings.Lines(stdout) {
		var e ledger.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out[e.Lab] = append(out[e.Lab], e)
	}
	return out
}

// A night over six labs that is killed, started again twice at once, and then
// has nothing left to do.
func nightOfSixLabs(t *testing.T, w *world) {
	root := sixLabs(t)
	quick := []string{"--if-changed", "--no-verify-reboot", "--no-control"}
	night := func(dirs ...string) []string {
		return append(append([]string{"night"}, dirs...), quick...)
	}

	if stdout, stderr := w.want(0, night(filepath.Join(root, "night-idle"))...); stdout+stderr != "" {
		t.Errorf("a good night is not silent: %s%s", stdout, stderr)
	}

	c := w.command(night(root)...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // it is killed
		close(ended)
	}()
	w.eventuallyWithin(12*time.Minute, "the night's first run is in the ledger", func() bool {
		return len(nightRuns(t, w)) > 1
	})
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	w.eventually("everything of the killed night ends", func() bool { return len(processesNaming(w.home)) == 0 })
	before := nightRuns(t, w)
	t.Logf("killed after the runs of %d labs", len(before))
	if len(before) >= 4 {
		t.Fatal("it was killed too late to be gone on with")
	}

	nightsAtOnce(t, w, night(root))

	for _, name := range []string{"night-good", "night-twin", "night-idle", "night-fail"} {
		entries := nightRuns(t, w)[name]
		want := lab.Pass
		if name == "night-fail" {
			want = lab.Fail
		}
		if len(entries) != 1 || entries[0].Run.Verdict != want {
			t.Errorf("%s: want one run that is %s, have %+v", name, want, entries)
		}
	}

	if err := os.RemoveAll(filepath.Join(root, "night-broken")); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr := w.want(0, night(root)...); stdout+stderr != "" {
		t.Errorf("a night with nothing new is not silent: %s%s", stdout, stderr)
	}
	w.want(0, "verify")
	if stdout, _ := w.want(0, "gc", "--dry-run"); !strings.Contains(stdout, "nothing to remove") {
		t.Errorf("gc would have something to do:\n%s", stdout)
	}
	left, _ := filepath.Glob(filepath.Join(w.home, "night", "locks", "*"))
	states, _ := filepath.Glob(filepath.Join(w.home, "night", "*.json"))
	if left = append(left, states...); len(left) > 0 || len(processesNaming(w.home)) > 0 {
		t.Errorf("left of the night: %q, processes %q", left, processesNaming(w.home))
	}
}

// nightsAtOnce starts two nights over the same labs. One does all the work and
// tells what is wrong, the other leaves it to that one.
func nightsAtOnce(t *testing.T, w *world, args []string) {
	t.Helper()
	type end struct {
		code int
		text string
	}
	ends := make(chan end, 2)
	for range 2 {
		go func() {
			var out bytes.Buffer
			c := w.command(args...)
			c.Stdout, c.Stderr = &out, &out
			_ = c.Run()
			ends <- end{c.ProcessState.ExitCode(), out.String()}
		}()
	}
	codes := map[int]string{}
	for range 2 {
		e := <-ends
		t.Logf("a night ended with %d:\n%s", e.code, e.text)
		codes[e.code] = e.text
	}
	if text, ok := codes[exitBusy]; !ok || !strings.Contains(text, "another") {
		t.Errorf("no night gave way: %v", codes)
	}
	text := codes[exitFail]
	for _, want := range []string{"night-fail", "night-broken", "broken", "update.sh", "passed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary does not hold %q:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "the page is this lab's"); n != 1 {
		t.Errorf("the failing check is named %d times:\n%s", n, text)
	}
}

// eventuallyWithin is eventually with a limit.
func (w *world) eventuallyWithin(limit time.Duration, what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(3 * time.Second) {
		if time.Now().After(deadline) {
			w.t.Fatalf("it did not come about within %s: %s", limit, what)
		}
	}
}

// The commands of the guides are run as they stand, one guide after the other.
func guides(t *testing.T, w *world) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS("../../examples")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("chmod", "-R", "u+w", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { _ = os.Remove(filepath.Join(w.home, "notify.conf")) })
	w.withoutPast()
	for _, guide := range []string{"spare-host", "consultant", "cron"} {
		t.Run(guide, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../../docs", guide+".md"))
			if err != nil {
				t.Fatal(err)
			}
			commands := guideCommands(string(text))
			if commands == "" {
				t.Fatal("it has no commands")
			}
			c := exec.Command("bash", "-euo", "pipefail", "-x", "-c", commands)
			c.Dir = dir
			c.Env = append(slices.Clone(w.env), fmt.Sprintf("PATH=%s:%s", filepath.Dir(w.bin), os.Getenv("PATH")))
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			out, err := c.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Errorf("%v", err)
			}
		})
	}
	if text, err := os.ReadFile(filepath.Join(dir, "patchlab.prom")); err != nil || !bytes.Contains(text, []byte(`patchlab_last_night_exit_code{night="patchlab"} 0`)) {
		t.Errorf("the night's metrics: %v\n%s", err, text)
	}
	for file, want := range map[string]string{"booking-good.html": "Harbour Dental", "mill.html": "Hill Mill", "mill.md": "Hill Mill", "site/index.html": "Hill Mill"} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s: %v, without %q", file, err, want)
		}
	}
}

// guideCommands are the commands of a guide: its sh blocks, and of a crontab
// what comes after the times.
func guideCommands(text string) string {
	var b strings.Builder
	block := ""
	for line := range strings.Lines(text) {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && block == "":
			block = fence
		case isFence:
			block = ""
		case block == "sh":
			b.WriteString(line)
		case block == "crontab":
			if fields := strings.Fields(line); len(fields) > 5 {
				b.WriteString(strings.Join(fields[5:], " ") + "\n")
			}
		}
	}
	return b.String()
}
