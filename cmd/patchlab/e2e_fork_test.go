//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
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

// small is the one-machine lab whose ready state several tests share.
func small(t *testing.T, extra string) string {
	t.Helper()
	return smallLab(t, "small", "small-marker", extra)
}

// classOf is what a record says about a check.
func classOf(t *testing.T, rec lab.Record, check string) lab.Class {
	t.Helper()
	i := slices.IndexFunc(rec.Checks, func(c lab.CheckRecord) bool { return c.Name == check })
	if i < 0 {
		t.Fatalf("no check %q in the record: %+v", check, rec.Checks)
	}
	return rec.Checks[i].Class
}

// A reboot breaks one check with and without the patch, another fails every
// second time: the patch is blamed for neither.
func TestE2ENotThePatch(t *testing.T) {
	w := newWorld(t)
	dir := small(t, `
patch "harmless" {
  script  = "harmless.sh"
  targets = [machine.web]
  reboot  = "always"
}

check "gone with a reboot" {
  from = machine.web
  command { run = "test -e /run/patchlab/nonce" }
}

check "one time in two" {
  from = machine.web
  retries = 0
  command { run = "n=$(($(cat /var/tmp/times 2>/dev/null || echo 0) + 1)); echo $n >/var/tmp/times; test $((n % 2)) = 1" }
}`)
	script(t, dir, "harmless.sh", "echo done > /root/patched")
	rec := w.record(3, dir, "harmless")
	if class := classOf(t, rec, "gone with a reboot"); class != lab.ClassRebootInduced {
		t.Errorf("a check that a reboot breaks is %s", class)
	}
	if class := classOf(t, rec, "one time in two"); class != lab.ClassFlaky {
		t.Errorf("a check that fails one time in two is %s", class)
	}
	if rec.Verdict != lab.Inconclusive || rec.Control.Mode != "concurrent" || !rec.Receipt.Proven {
		t.Errorf("verdict %s (%s), control %+v, receipt %+v", rec.Verdict, rec.Reason, rec.Control, rec.Receipt)
	}
	for _, f := range rec.Findings {
		if f.Patch {
			t.Errorf("the patch is blamed: %+v", f)
		}
	}
}

// With memory for one arm the control arm comes after the patched one; two
// runs of the same lab at once share the ready state.
func TestE2EHostBudget(t *testing.T) {
	w := newWorld(t)
	dir := small(t, "")
	noop := script(t, dir, "noop.sh", "true")
	first := w.record(0, dir, noop) // makes the ready state, if it is not there
	tight := *w
	tight.env = append(slices.Clone(w.env), "PATCHLAB_BUDGET=800MiB")

	t.Run("one arm", func(t *testing.T) {
		// Nothing was measured, so the whole memory of a machine is promised.
		removeMeasured(t, w)
		rec := tight.record(0, dir, noop)
		if rec.Control.Mode != "sequential" || !strings.Contains(rec.Control.Reason, "memory") {
			t.Errorf("control %+v", rec.Control)
		}
		if rec.Ready.Built || rec.Ready.Key != first.Ready.Key {
			t.Errorf("ready state %+v after %+v", rec.Ready, first.Ready)
		}
	})
	t.Run("two runs", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if rec := w.record(0, dir, noop); !rec.Reverted || rec.Ready.Built {
					t.Errorf("record %+v", rec)
				}
			})
		}
		wg.Wait()
	})
	t.Run("busy", func(t *testing.T) {
		w.want(0, "up", dir)
		defer w.want(0, "down", "small")
		removeMeasured(t, w)
		_, stderr := tight.want(4, "test", dir, noop)
		if id := running(t, w, "small").Spec.ID; !strings.Contains(stderr, id) {
			t.Errorf("who holds the memory is not said:\n%s", stderr)
		}
		tight.want(4, "test", dir, noop, "--wait", "2s")
	})
	t.Run("waits", func(t *testing.T) {
		w.want(0, "up", dir)
		removeMeasured(t, w)
		c, until := tight.background("test", dir, noop, "--wait", "5m")
		until("waiting for memory")
		w.want(0, "down", "small")
		if err := c.Wait(); err != nil {
			t.Errorf("the run that waited: %v", err)
		}
	})
}

// removeMeasured forgets what forks of the small lab were seen to need.
func removeMeasured(t *testing.T, w *world) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.home, "labs", "small", "ready", "*", "usage.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// Machines that die or fall silent are told apart; a revert brings each back.
func TestE2EDiagnose(t *testing.T) {
	w := newWorld(t)
	w.want(0, "up", small(t, ""))
	t.Cleanup(func() { w.want(0, "down", "small") })
	store, err := snapshots.Open(w.home, w.runtime)
	if err != nil {
		t.Fatal(err)
	}
	engine := &snapshots.Engine{Store: store}
	for _, tt := range []struct {
		name, harm string
		want       lab.Condition
	}{
		{"healthy", "true", lab.Healthy},
		{"ssh gone", "systemctl stop ssh; systemctl kill ssh", lab.SSHGone},
		{"network gone", "ip link set $(ip -o -4 route show default | sed 's/.* dev //; s/ .*//') down", lab.NetworkGone},
		{"panic", "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger", lab.Panicked},
		{"powered off", "systemctl poweroff -f -f", lab.PoweredOff},
		// Kernel threads alone keep answering to ARP; nothing runs for users.
		{"hung", "echo 0 >/proc/sys/kernel/printk; ip link set $(ip -o -4 route show default | sed 's/.* dev //; s/ .*//') down; kill -STOP 1 $(pgrep agetty)", lab.Hung},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// In the background, since it may take the connection away.
			w.want(0, "ssh", "small", "web", "--", "nohup sh -c "+quote("sleep 1; "+tt.harm)+" >/dev/null 2>&1 & true")
			time.Sleep(4 * time.Second)
			var d lab.Diagnosis
			for tries := 5; tries > 0 && d.Condition != tt.want; tries-- { // on a busy host it takes a while to die
				if d, err = engine.Diagnose(t.Context(), "small", "web"); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%s: %s (screenshot of %d bytes)", d.Condition, d.Detail, len(d.Screenshot))
			if d.Condition != tt.want {
				t.Errorf("condition %s, want %s", d.Condition, tt.want)
			}
			if seen := len(d.Screenshot) > 0; seen != (tt.want != lab.Healthy && tt.want != lab.PoweredOff) {
				t.Errorf("a screenshot is there: %v", seen)
			}
			if out, _ := w.want(0, "revert", "small"); !strings.Contains(out, "proven") || strings.Contains(out, "NOT proven") {
				t.Errorf("revert says:\n%s", out)
			}
		})
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// A patch that kills its machine fails, in both tries, with the reason, the
// console and a picture of the display.
func TestE2EPatchKillsMachine(t *testing.T) {
	w := newWorld(t)
	dir := small(t, "")
	rec := w.record(1, dir, script(t, dir, "panic.sh", "sync; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60"))
	i := slices.IndexFunc(rec.Findings, func(f lab.Finding) bool { return f.Patch })
	if i < 0 || rec.Findings[i].Condition != lab.Panicked || !rec.Receipt.Proven {
		t.Fatalf("findings %+v", rec.Findings)
	}
	png, err := os.ReadFile(filepath.Join(rec.Dir, rec.Findings[i].Screenshot))
	if err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("no picture: %v", err)
	}
	if !strings.Contains(rec.Findings[i].Tail, "anic") {
		t.Errorf("the console's tail is %q", rec.Findings[i].Tail)
	}
}

// The disk of this host fills while the patch works: that says nothing about
// the patch.
func TestE2EHostDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	w := newWorld(t)
	dir := small(t, "")
	noop := script(t, dir, "noop.sh", "true")
	w.record(0, dir, noop) // makes the ready state, if it is not there
	// What instances write goes to a small file system of its own.
	tiny := filepath.Join(w.home, "labs", "small", "instances")
	mount := exec.Command("mount", "-t", "tmpfs", "-o", "size=256M,mode=0711", "tmpfs", tiny)
	if out, err := mount.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "permission denied") || strings.Contains(string(out), "not permitted") {
			t.Skipf("this host does not let root mount: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", tiny).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	c, until := w.background("test", dir, script(t, dir, "write.sh", "sleep 5; dd if=/dev/urandom of=/root/big bs=1M count=200"))
	until("web: patch")
	unfill := fill(t, tiny, 8<<20)
	_ = c.Wait()
	unfill()
	if code := c.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	rec := lastRecord(t, w, "small")
	if rec.Verdict != lab.Inconclusive || !strings.Contains(rec.Reason, "cannot write its disk") {
		t.Errorf("verdict %s: %s", rec.Verdict, rec.Reason)
	}
	for _, f := range rec.Findings {
		if f.Patch {
			t.Errorf("the patch is blamed: %+v", f)
		}
	}
	w.record(0, dir, noop)
}

// fill leaves little room, in bytes, on the file system of dir, until the
// function that it returns is called.
func fill(t *testing.T, dir string, leave int64) (undo func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-leave); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// lastRecord reads the newest run record of a lab.
func lastRecord(t *testing.T, w *world, name string) lab.Record {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.home, "runs", name, "*", "run.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no record of lab %s (%v)", name, err)
	}
	text, err := os.ReadFile(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	var rec lab.Record
	if err := json.Unmarshal(text, &rec); err != nil {
		t.Fatal(err)
	}
	return rec
}

// Where memory cannot be forked it is saved and restored whole.
func TestE2ERestoredMemory(t *testing.T) {
	w := newWorld(t)
	w.env = append(w.env, "PATCHLAB_MEMORY=restore")
	dir := smallLab(t, "beta", "beta-marker", "")
	rec := w.record(0, dir, script(t, dir, "noop.sh", "true"))
	if rec.Ready.Memory != "restore" || !rec.Receipt.Proven {
		t.Errorf("ready state %+v, receipt %+v", rec.Ready, rec.Receipt)
	}
	w.want(0, "up", dir)
	defer w.want(0, "down", "beta")
	w.want(0, "snapshot", "beta", "here")
	w.want(0, "ssh", "beta", "web", "--", "touch /root/later")
	if out, _ := w.want(0, "revert", "beta", "here"); !strings.Contains(out, "is reverted to here: proven") {
		t.Errorf("revert says:\n%s", out)
	}
	w.want(1, "ssh", "beta", "web", "--", "test -e /root/later")
}

// Killed for good at steps of a journal, on real machines: every step of every
// command is killed at on a fake hypervisor in package snapshots.
func TestE2EKilled(t *testing.T) {
	w := newWorld(t)
	dir := small(t, "")
	noop := script(t, dir, "noop.sh", "true")
	w.record(0, dir, noop)
	for _, tt := range []struct {
		victim, step string
		args         []string
	}{
		{"command", "machines", []string{"test", dir, noop}},
		{"agent", "machines", []string{"test", dir, noop}},
		{"QEMU", "detach", []string{"up", dir}},
		{"agent", "revert", []string{"revert", "small"}},
		{"command", "save", []string{"snapshot", "small", "half"}},
	} {
		t.Run(tt.victim+" at "+tt.step+" of "+tt.args[0], func(t *testing.T) {
			if tt.args[1] == "small" {
				w.want(0, "up", dir)
			}
			c := w.command(tt.args...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			id := w.journalReaches(tt.step)
			w.kill(c, tt.victim, id)
			_ = c.Wait()
			w.eventually("orphans end", func() bool { return w.quiet() })
			w.want(0, "gc")
			if len(status(t, w)) > 0 {
				w.want(0, "down", "--all")
			}
			w.nothingLeft()
			rec := w.record(0, dir, noop, "--verify")
			if !rec.Receipt.Proven || rec.Ready.Built || rec.Receipt.Check != "full" {
				t.Errorf("the next run: %+v", rec.Receipt)
			}
		})
	}
}

// journalReaches waits until the newest line of a journal is that step, and
// returns the journal's id.
func (w *world) journalReaches(step string) (id string) {
	w.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		files, _ := filepath.Glob(filepath.Join(w.home, "journal", "*.jsonl"))
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err == nil && strings.Contains(string(text), fmt.Sprintf("%q:%q", "step", step)) {
				return strings.TrimSuffix(filepath.Base(f), ".jsonl")
			}
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("no journal came to step %q", step)
	return ""
}

// kill sends SIGKILL to the command, or to the agent or a QEMU of instance id,
// which is waited for to appear.
func (w *world) kill(c *exec.Cmd, victim, id string) {
	w.t.Helper()
	if victim == "command" {
		_ = c.Process.Kill()
		return
	}
	killed := false
	w.eventually("there is a "+victim+" to kill", func() bool {
		for _, p := range processesNaming(id) {
			if strings.Contains(p, "qemu-system") != (victim == "QEMU") || victim == "agent" && !strings.Contains(p, " agent ") {
				continue
			}
			var pid int
			if _, err := fmt.Sscanf(p, "/proc/%d/", &pid); err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed = true
			}
		}
		return killed || c.ProcessState != nil
	})
}

// quiet reports whether no process of this home runs but those of instances
// that are up.
func (w *world) quiet() bool {
	for _, p := range processesNaming(w.home) {
		if !strings.Contains(p, "qemu-system") && !strings.Contains(p, " agent ") {
			return false
		}
	}
	return true
}
