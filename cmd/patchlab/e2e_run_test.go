//go:build e2e

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// Two labs with the same subnet, address and names run at once; each sees its
// own machine, and neither the other nor this host.
func TestE2ETwoLabsWithOneSubnet(t *testing.T) {
	w := newWorld(t)
	trap := listenEverywhere(t)
	var wg sync.WaitGroup
	for name, own := range map[string]string{"small": "192.168.1.101", "beta": "192.168.1.102"} {
		other := map[string]string{"small": "192.168.1.102", "beta": "192.168.1.101"}[name]
		dir := smallLab(t, name, name+"-marker", isolationChecks(own, other, trap.targets))
		change := script(t, dir, "change.sh", "echo patched by "+name+" > /root/patched")
		wg.Go(func() {
			mine := *w
			if name == "beta" { // the other way of keeping memory
				mine.env = append(slices.Clone(w.env), "PATCHLAB_MEMORY=restore")
			}
			rec := mine.record(0, dir, change)
			if rec.Verdict != lab.Pass || !rec.Reverted || rec.Patch.Kind != lab.PatchScript {
				t.Errorf("%s: %+v", name, rec)
			}
			for _, target := range append([]string{"198.51.100.1:22"}, trap.targets...) {
				if !slices.ContainsFunc(rec.Egress, func(a lab.EgressAttempt) bool { return a.Machine == "web" && a.To == target }) {
					t.Errorf("%s: the attempt to reach %s is not in the record: %+v", name, target, rec.Egress)
				}
			}
		})
	}
	wg.Wait()
	if n := trap.accepted.Load(); n > 0 {
		t.Errorf("%d connections from the labs reached this host", n)
	}
}

// isolationChecks are checks that hold when the machine has the address own as
// well, and reaches neither the other lab's address nor any target.
func isolationChecks(own, other string, targets []string) string {
	tries := []string{"198.51.100.1:22", other + ":80"}
	var run strings.Builder
	for _, to := range append(tries, targets...) {
		host, port, _ := net.SplitHostPort(to)
		fmt.Fprintf(&run, "if timeout 10 bash -c 'exec 3<>/dev/tcp/%s/%s' 2>/dev/null; then echo reached %s; fi; ", host, port, to)
	}
	return fmt.Sprintf(`
check "the address that only this lab has" {
  from = machine.web
  command {
    run = "ip address add %s/24 dev $(ip -o -4 route show default | sed 's/.* dev //; s/ .*//') 2>/dev/null; true"
  }
}

check "it answers there" {
  retries = 10
  tcp {
    host = %q
    port = 80
  }
}

check "nothing else is reached" {
  from    = machine.web
  timeout = "2m"
  command {
    run    = %q
    stdout = { not_contains = "reached" }
  }
}`, own, own, run.String())
}

// trap listens on every address of this host and counts who comes.
type trap struct {
	targets  []string // the addresses, with the port
	accepted atomic.Int32
}

func listenEverywhere(t *testing.T) *trap {
	t.Helper()
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	tr := &trap{}
	for _, a := range addrs {
		if ip := a.(*net.IPNet).IP.To4(); ip != nil && !ip.IsLoopback() {
			tr.targets = append(tr.targets, net.JoinHostPort(ip.String(), strconv.Itoa(port)))
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tr.accepted.Add(1)
			_ = c.Close()
		}
	}()
	return tr
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
	w.forget("interrupted")
	fresh, known := smallLab(t, "interrupted", "here", ""), small(t, "")
	slow := script(t, known, "slow.sh", "sleep 600")
	for _, tt := range []struct{ phase, dir string }{
		{"prepare", fresh}, {"web: boot", fresh}, {"patched: fork", known}, {"web: patch", known},
	} {
		t.Run(tt.phase, func(t *testing.T) {
			c, until := w.background("test", tt.dir, slow)
			until(tt.phase)
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
	w.forget("orphan")
	dir := smallLab(t, "orphan", "here", "")
	c, until := w.background("test", dir, script(t, dir, "noop.sh", "true"))
	until("web: boot: ")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	w.eventually("the orphaned agent ends", func() bool { return len(processesNaming(w.home)) == 0 })
	// The next run, of whatever lab, removes the rest.
	other := small(t, "")
	w.record(0, other, script(t, other, "noop.sh", "true"))
}

// The agent is killed: the run says so, and nothing is left.
func TestE2EAgentKilled(t *testing.T) {
	w := newWorld(t)
	w.forget("headless")
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

// uefi makes the machine of a small lab one with UEFI firmware.
func uefi(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "lab.hcl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Replace(string(text), `  memory = "384MiB"`, "  memory = \"384MiB\"\n  firmware = \"uefi\"", 1)
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
}

// An ordinary user needs nothing but the packages: the user nobody, with the
// images that are there. The machine has UEFI firmware, whose variables belong
// to the ready state.
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
	runtime, err := os.MkdirTemp("/tmp", "pl-") // sockets want a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = os.RemoveAll(root), os.RemoveAll(runtime) })
	home, dir := filepath.Join(root, "home"), filepath.Join(root, "lab")
	source := smallLab(t, "ordinary", "ordinary-marker", "")
	uefi(t, source)
	script(t, source, "noop.sh", "true")
	for _, argv := range [][]string{
		{"mkdir", "-p", home},
		{"cp", "-r", source, dir},
		{"cp", "-r", "--sparse=always", filepath.Join(w.home, "images"), home},
		{"chown", "-R", "nobody:nogroup", root, runtime},
		{"chmod", "-R", "u+rwX", root},
		{"chmod", "0700", runtime},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	other := &world{t: t, bin: w.bin, home: home, runtime: filepath.Join(runtime, "patchlab")}
	other.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + root, "PATCHLAB_HOME=" + home, "XDG_RUNTIME_DIR=" + runtime}
	other.as = &syscall.Credential{Uid: nobody, Gid: nobody}
	rec := other.record(0, dir, filepath.Join(dir, "noop.sh"))
	if rec.Verdict != lab.Pass || !rec.Reverted {
		t.Errorf("record: %+v", rec)
	}
	other.nothingLeft()
}
