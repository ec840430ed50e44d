//go:build e2e

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// Two labs with the same subnet, address and names run at once; each sees its
// own machine, and neither the other nor this host.
func TestE2ETwoLabsWithOneSubnet(t *testing.T) {
	w := newWorld(t)
	extra := `
check "nothing else is there" {
  from = machine.web
  command {
    run    = "! timeout 5 bash -c 'exec 3<>/dev/tcp/192.168.1.11/80' 2>/dev/null && ! timeout 5 bash -c 'exec 3<>/dev/tcp/198.51.100.1/22' && ip -4 -o address"
    stdout = "192.168.1.10/24"
  }
}`
	var wg sync.WaitGroup
	for _, name := range []string{"alpha", "beta"} {
		dir := smallLab(t, name, name+"-marker", extra)
		change := script(t, dir, "change.sh", "echo patched by "+name+" > /root/patched")
		wg.Go(func() {
			rec := w.record(0, dir, change)
			if rec.Verdict != lab.Pass || !rec.Reverted || rec.Patch.Kind != lab.PatchScript {
				t.Errorf("%s: %+v", name, rec)
			}
			refused := false
			for _, a := range rec.Egress {
				refused = refused || a.Machine == "web" && a.To == "198.51.100.1:22"
			}
			if !refused {
				t.Errorf("%s: the attempt to leave the lab is not in the record: %+v", name, rec.Egress)
			}
		})
	}
	wg.Wait()
}

// A machine that cannot boot is the lab's fault, and its console's last words
// are shown.
func TestE2EMachineOfZeros(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	zeros := filepath.Join(dir, "zeros.raw")
	if err := os.WriteFile(zeros, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(zeros, 16<<20); err != nil {
		t.Fatal(err)
	}
	definition := `
lab "zeros" {}
image "empty" { source = "zeros.raw" }
network "n" { subnet = "192.168.1.0/24" }
machine "dead" {
  image  = image.empty
  memory = "128MiB"
  nic { network = network.n }
}
check "answers" {
  tcp {
    host = "dead"
    port = 22
  }
}`
	if err := os.WriteFile(filepath.Join(dir, "lab.hcl"), []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	rec := w.record(3, dir, script(t, dir, "noop.sh", "true"))
	if rec.Verdict != lab.Inconclusive || !rec.Reverted || len(rec.Findings) != 1 {
		t.Fatalf("record: %+v", rec)
	}
	if f := rec.Findings[0]; f.Machine != "dead" || !strings.Contains(f.Tail, "No bootable device") {
		t.Errorf("finding: %+v", f)
	}
}

// An interrupt exits with 130 and leaves nothing: before the machine is
// there, while it boots, and with a command running on it. The unit tests of
// package lab interrupt at every step.
func TestE2EInterrupted(t *testing.T) {
	w := newWorld(t)
	dir := smallLab(t, "interrupted", "here", "")
	slow := script(t, dir, "slow.sh", "sleep 600")
	for _, phase := range []string{"prepare", "web: boot", "web: patch"} {
		t.Run(phase, func(t *testing.T) {
			c, until := w.background("test", dir, slow)
			until(phase)
			if err := c.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			if code := c.ProcessState.ExitCode(); code != 130 {
				t.Errorf("exit code %d", code)
			}
			w.nothingLeft()
		})
	}
}

// The command is killed: its agent notices and takes everything down.
func TestE2ECommandKilled(t *testing.T) {
	w := newWorld(t)
	dir := smallLab(t, "orphan", "here", "")
	c, until := w.background("test", dir, script(t, dir, "noop.sh", "true"))
	until("web: boot: ")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	w.eventually("the orphaned agent ends", func() bool { return len(processesNaming(w.home)) == 0 })
	w.want(0, "up", smallLab(t, "other", "here", "")) // creates something: sweeps first
	w.want(0, "down", "other")
}

// The agent is killed: the run says so, and nothing is left.
func TestE2EAgentKilled(t *testing.T) {
	w := newWorld(t)
	dir := smallLab(t, "headless", "here", "")
	c, until := w.background("test", dir, script(t, dir, "noop.sh", "true"))
	until("web: boot: ")
	list := status(t, w)
	if len(list) != 1 || list[0].PID == 0 {
		t.Fatalf("status: %+v", list)
	}
	if err := syscall.Kill(list[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
}

// An ordinary user needs nothing but the packages: the user nobody, with the
// images that are there.
func TestE2EOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("the other tests ran as an ordinary user already")
	}
	w := newWorld(t)
	w.want(0, "image", "build", smallLab(t, "image", "x", ""))
	const nobody = 65534
	root, err := os.MkdirTemp("/var/tmp", "patchlab-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	home, runtime, dir := filepath.Join(root, "home"), filepath.Join(root, "run"), filepath.Join(root, "lab")
	source := smallLab(t, "ordinary", "ordinary-marker", "")
	script(t, source, "noop.sh", "true")
	for _, argv := range [][]string{
		{"mkdir", "-p", home, runtime},
		{"cp", "-r", source, dir},
		{"cp", "-r", "--sparse=always", filepath.Join(w.home, "images"), home},
		{"chown", "-R", "nobody:nogroup", root},
		{"chmod", "-R", "u+rwX", root},
		{"chmod", "0700", runtime},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	other := &world{t: t, bin: w.bin, home: home}
	other.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "PATCHLAB_HOME=" + home, "XDG_RUNTIME_DIR=" + runtime}
	other.as = &syscall.Credential{Uid: nobody, Gid: nobody}
	rec := other.record(0, dir, filepath.Join(dir, "noop.sh"))
	if rec.Verdict != lab.Pass || !rec.Reverted {
		t.Errorf("record: %+v", rec)
	}
	other.nothingLeft()
}
