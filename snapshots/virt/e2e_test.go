//go:build e2e

package virt_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
	"github.com/patchlab/patchlab/snapshots/virt"
)

// zeros gives every machine of spec an empty disk that QEMU may write.
func zeros(t *testing.T, spec *agent.Spec) {
	t.Helper()
	owner, err := agent.QEMUOwner()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range spec.Machines {
		path := m.Disks[0].Path
		if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", path, "16M").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := owner.Give(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func writeSpec(t *testing.T, spec *agent.Spec) {
	t.Helper()
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spec.SpecPath(), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, spec *agent.Spec) agent.Hypervisor {
	t.Helper()
	started := time.Now()
	h, err := virt.Open(t.Context(), spec, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("open: %v", time.Since(started))
	return h
}

// childVariable says that this process may open its one hypervisor.
const childVariable = "PATCHLAB_TEST_CHILD"

// child runs one subtest in a process of its own.
func child(t *testing.T, cache, pattern string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run="+pattern)
	cmd.Env = append(os.Environ(), childVariable+"="+cache)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
}

func TestContract(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		dir := t.TempDir()
		for _, c := range agenttest.Cases() {
			t.Run(c, func(t *testing.T) { child(t, dir, "^TestContract$/^"+c+"$") })
		}
		return
	}
	agenttest.TestHypervisor(t, func(t *testing.T) (agent.Hypervisor, *agent.Spec) {
		spec := agenttest.Spec(t)
		spec.CacheDir = os.Getenv(childVariable)
		zeros(t, spec)
		agenttest.Listen(t, spec)
		return open(t, spec), spec
	})
}

// alive is false for a process that has ended and waits for its parent to
// notice.
func alive(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/cmdline")
	return err == nil && len(b) > 0
}

// TestReopenAfterKill lets another process die with a machine running.
func TestReopenAfterKill(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		child(t, t.TempDir(), "^TestReopenAfterKill$")
		return
	}
	spec := agenttest.Spec(t)
	zeros(t, spec)
	agenttest.Listen(t, spec)
	pid := crash(t, spec)
	if !alive(pid) {
		t.Fatal("the machine ended with its hypervisor")
	}
	h := open(t, spec)
	if alive(pid) {
		t.Errorf("process %s still runs", pid)
	}
	if err := h.Start(t.Context(), spec.Machines[0]); err != nil {
		t.Error(err)
	}
	if _, err := virt.Open(t.Context(), spec, slog.New(slog.DiscardHandler)); !errors.As(err, new(*lab.BusyError)) {
		t.Errorf("opened a second time: %v", err)
	}
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := virt.Open(t.Context(), spec, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a process opened two hypervisors")
	}
}

// TestDiesByItself sees the end of a machine whose QEMU was killed.
func TestDiesByItself(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		child(t, t.TempDir(), "^TestDiesByItself$")
		return
	}
	spec := agenttest.Spec(t)
	zeros(t, spec)
	agenttest.Listen(t, spec)
	h := open(t, spec)
	defer func() { _ = h.Close(context.Background()) }()
	name := spec.Machines[0].Name
	if err := h.Start(t.Context(), spec.Machines[0]); err != nil {
		t.Fatal(err)
	}
	s, err := h.State(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.KillMachine(t.Context(), s.PID); err != nil {
		t.Fatal(err)
	}
	for s.State != "crashed" {
		if s, err = h.State(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if t.Context().Err() != nil {
			t.Fatalf("state %+v", s)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := h.Start(t.Context(), spec.Machines[0]); err != nil {
		t.Errorf("start after a crash: %v", err)
	}
}
