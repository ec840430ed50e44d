//go:build e2e || bench

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

// The end-to-end tests run the real program on real machines. They share one
// home, which is kept between runs for its images: /var/tmp, because QEMU's
// user must be able to reach it.
var e2eHome = fmt.Sprintf("/var/tmp/patchlab-e2e-%d", os.Getuid())

// program is the patchlab that is tested, built once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(e2eHome, "bin", "patchlab")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// world is where one test runs patchlab: its own home but for the images, its
// own runtime folder.
type world struct {
	t    *testing.T
	bin  string
	home string
	env  []string
	as   *syscall.Credential // nil: as this process
	// sockets are the instances' socket folders that were there before.
	runtime string
	sockets []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, bin: bin, home: filepath.Join(e2eHome, "home")}
	w.env = append(os.Environ(), "PATCHLAB_HOME="+w.home, "NO_COLOR=1")
	w.runtime = snapshots.DefaultRuntime(os.Getenv)
	w.sockets = folders(w.runtime)
	t.Cleanup(w.nothingLeft)
	return w
}

// command makes a command of the program; its progress goes to the test's log.
func (w *world) command(args ...string) *exec.Cmd {
	c := exec.Command(w.bin, args...)
	c.Env = w.env
	c.SysProcAttr = &syscall.SysProcAttr{Credential: w.as}
	return c
}

// eventually waits until something holds; the test ends when it never does.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("it never came about: %s", what)
		}
	}
}

// run runs the program to its end and returns its exit code and outputs.
func (w *world) run(args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	var o, e bytes.Buffer
	c := w.command(args...)
	c.Stdout, c.Stderr = &o, &e
	started := time.Now()
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		w.t.Fatalf("patchlab %s: %v", strings.Join(args, " "), exit)
	}
	w.t.Logf("patchlab %s: exit %d after %.1f s", strings.Join(args, " "), c.ProcessState.ExitCode(), time.Since(started).Seconds())
	return c.ProcessState.ExitCode(), o.String(), e.String()
}

// want runs the program and fails the test when it exits otherwise.
func (w *world) want(code int, args ...string) (stdout, stderr string) {
	w.t.Helper()
	got, stdout, stderr := w.run(args...)
	if got != code {
		w.t.Fatalf("patchlab %s: exit %d, want %d\n%s\n%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	return stdout, stderr
}

// record runs a test whose record is wanted.
func (w *world) record(code int, args ...string) lab.Record {
	w.t.Helper()
	return w.recordRaw(code, append(args, "--no-verify-reboot")...)
}

// recordRaw is record with the verifying reboot, as users have it.
func (w *world) recordRaw(code int, args ...string) lab.Record {
	w.t.Helper()
	stdout, stderr := w.want(code, append(append([]string{"test"}, args...), "--format", "json")...)
	var rec lab.Record
	if err := json.Unmarshal([]byte(stdout), &rec); err != nil {
		w.t.Fatalf("stdout is not one record: %v\n%s\n%s", err, stdout, stderr)
	}
	return rec
}

// forget removes the ready states of a lab: its machines boot the next time.
func (w *world) forget(name string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.home, "labs", name, "ready")); err != nil {
		w.t.Fatal(err)
	}
}

// nothingLeft fails the test when a process, socket or instance of this home
// remains.
func (w *world) nothingLeft() {
	w.t.Helper()
	for _, p := range processesNaming(w.home) {
		w.t.Errorf("a process is left: %s", p)
	}
	left, _ := filepath.Glob(filepath.Join(w.home, "labs", "*", "instances", "*"))
	for _, pattern := range []string{"runs/*/.unfinished*", "journal/*", "labs/*/ready/.*", "images/.*"} {
		more, _ := filepath.Glob(filepath.Join(w.home, pattern))
		left = append(left, more...)
	}
	if len(left) > 0 {
		w.t.Errorf("left behind: %v", left)
	}
	for _, dir := range folders(w.runtime) {
		if !slices.Contains(w.sockets, dir) {
			w.t.Errorf("sockets are left: %s", dir)
		}
	}
	_, stdout, _ := w.run("status")
	if !strings.HasPrefix(stdout, "no instance") {
		w.t.Errorf("status says:\n%s", stdout)
	}
}

// folders lists what is in a folder, which may be missing.
func folders(dir string) []string {
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	return names
}

// processesNaming lists the processes whose command line holds text.
func processesNaming(text string) []string {
	var out []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && bytes.Contains(b, []byte(text)) {
			out = append(out, f+" "+string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})))
		}
	}
	return out
}

// background starts the program and returns a function that waits until its
// progress holds text.
func (w *world) background(args ...string) (c *exec.Cmd, until func(text string)) {
	w.t.Helper()
	if args[0] == "test" {
		args = append(args, "--no-verify-reboot")
	}
	c = w.command(args...)
	stderr, err := c.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	seen := &growing{cond: sync.NewCond(&sync.Mutex{})}
	go func() {
		_, _ = io.Copy(seen, stderr)
		seen.end()
	}()
	return c, func(text string) {
		w.t.Helper()
		if !seen.wait(text) {
			w.t.Fatalf("patchlab %s ended without saying %q:\n%s", strings.Join(args, " "), text, seen.text)
		}
	}
}

// growing is text that somebody waits for.
type growing struct {
	cond  *sync.Cond
	text  string
	ended bool
}

func (g *growing) Write(b []byte) (int, error) {
	g.cond.L.Lock()
	defer g.cond.L.Unlock()
	g.text += string(b)
	g.cond.Broadcast()
	return len(b), nil
}

func (g *growing) end() {
	g.cond.L.Lock()
	defer g.cond.L.Unlock()
	g.ended = true
	g.cond.Broadcast()
}

// wait waits until the text holds what, and returns false when it ended
// without.
func (g *growing) wait(what string) bool {
	g.cond.L.Lock()
	defer g.cond.L.Unlock()
	for !strings.Contains(g.text, what) && !g.ended {
		g.cond.Wait()
	}
	return strings.Contains(g.text, what)
}

// serverImage is the dental lab's image, so that it is built once.
const serverImage = `image "server" {
  build {
    distro   = "debian"
    release  = "bookworm"
    packages = ["apache2", "libapache2-mod-php", "php-pgsql", "postgresql-15"]
  }
}`

// smallLab writes a lab of one machine that shares the dental lab's image.
// Extra is added to the definition.
func smallLab(t *testing.T, name, marker, extra string) string {
	t.Helper()
	dir := t.TempDir()
	definition := fmt.Sprintf(`
lab %q {}

%s
network "office" {
  subnet = "192.168.1.0/24"
  domain = "harbour.lan"
}

machine "web" {
  image  = image.server
  memory = "384MiB"
  nic {
    network = network.office
    address = "192.168.1.10"
  }
  setup {
    run = [
      "echo %s > /var/www/html/marker",
      "echo '<?php usleep(150000); echo \"slow\";' > /var/www/html/page.php",
    ]
  }
}

check "the page is this lab's" {
  http {
    url    = "http://192.168.1.10/marker"
    status = 200
    body   = %q
  }
}
%s`, name, serverImage, marker, marker, extra)
	if err := os.WriteFile(filepath.Join(dir, "lab.hcl"), []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// script writes a script into dir and returns its path.
func script(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// running finds the instance of a lab that is up, as the program does.
func running(t *testing.T, w *world, ref string) *snapshots.Running {
	t.Helper()
	a := &app{env: w.env}
	r, err := a.running(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
