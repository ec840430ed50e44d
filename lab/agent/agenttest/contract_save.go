package agenttest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/patchlab/patchlab/lab/agent"
)

// GiveRAM makes the file of a machine's memory, empty and sparse, in the
// instance's folder, and returns the machine with it, shared.
func GiveRAM(t testing.TB, spec *agent.Spec, m agent.MachineSpec) agent.MachineSpec {
	t.Helper()
	owner, err := agent.QEMUOwner()
	if err != nil {
		t.Fatal(err)
	}
	m.RAM = &agent.RAMSpec{Path: filepath.Join(spec.Dir, m.Name+".ram"), Shared: true}
	f, err := os.OpenFile(m.RAM.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Truncate(int64(m.MemoryMiB) << 20)
	if err = errors.Join(err, f.Close(), owner.Give(m.RAM.Path, 0o600)); err != nil {
		t.Fatal(err)
	}
	return m
}

// save checks that a machine goes on after it was saved, and can be saved
// again.
func save(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx, m := t.Context(), GiveRAM(t, spec, spec.Machines[0])
	noError(t, h.Start(ctx, m))
	pid := state(t, h, m.Name, agent.State{State: "running"})
	for _, file := range []string{"1.state", "2.state"} {
		path := filepath.Join(spec.Dir, file)
		noError(t, h.Suspend(ctx, m.Name))
		noError(t, h.Save(ctx, m.Name, path))
		state(t, h, m.Name, agent.State{State: "paused", Reason: anyReason})
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("the state's file: %v, %v", info, err)
		}
		if h.Save(ctx, m.Name, path) == nil {
			t.Error("a file that exists was taken")
		}
		state(t, h, m.Name, agent.State{State: "paused", Reason: anyReason})
		noError(t, h.Resume(ctx, m.Name))
		if again := state(t, h, m.Name, agent.State{State: "running"}); again != pid {
			t.Errorf("process %d went on as %d", pid, again)
		}
	}
}

func saveRunning(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx, m := t.Context(), GiveRAM(t, spec, spec.Machines[0])
	path := filepath.Join(spec.Dir, "a.state")
	noError(t, h.Start(ctx, m))
	if h.Save(ctx, m.Name, path) == nil {
		t.Error("a running machine was saved")
	}
	noFile(t, path)
	state(t, h, m.Name, agent.State{State: "running"})
}

// saveWhole is about a machine whose memory is in no file.
func saveWhole(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx, m := t.Context(), spec.Machines[0]
	noError(t, h.Start(ctx, m))
	pid := state(t, h, m.Name, agent.State{State: "running"})
	noError(t, h.Suspend(ctx, m.Name))
	m.State = filepath.Join(spec.Dir, "a.state")
	noError(t, h.Save(ctx, m.Name, m.State))
	state(t, h, m.Name, agent.State{State: "off", Reason: "saved"})
	gone(t, pid)
	is(t, h.Resume(ctx, m.Name), agent.ErrNotRunning)
	loaded(t, h, m)
}

// load starts a machine from its state, with its memory mapped privately.
func load(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx, m := t.Context(), GiveRAM(t, spec, spec.Machines[0])
	noError(t, h.Start(ctx, m))
	noError(t, h.Suspend(ctx, m.Name))
	path := filepath.Join(spec.Dir, "a.state")
	noError(t, h.Save(ctx, m.Name, path))
	noError(t, h.Destroy(ctx, m.Name))
	state(t, h, m.Name, agent.State{State: "off", Reason: "destroyed"})

	m.State, m.RAM = path, &agent.RAMSpec{Path: m.RAM.Path}
	for range 2 { // the state can be loaded again
		loaded(t, h, m)
		noError(t, h.Destroy(ctx, m.Name))
		state(t, h, m.Name, agent.State{State: "off", Reason: "destroyed"})
	}
	m.State = filepath.Join(spec.Dir, "none.state")
	if h.Start(ctx, m) == nil {
		t.Error("a machine was loaded from nothing")
	}
	if s, err := h.State(ctx, m.Name); err != nil || s.State == "running" || s.State == "paused" {
		t.Errorf("state after a load that failed: %+v, %v", s, err)
	}
}

// loaded starts a machine that has a State, and lets it go on.
func loaded(t *testing.T, h agent.Hypervisor, m agent.MachineSpec) {
	t.Helper()
	ctx := t.Context()
	noError(t, h.Start(ctx, m))
	state(t, h, m.Name, agent.State{State: "paused", Reason: anyReason})
	noError(t, h.Resume(ctx, m.Name))
	state(t, h, m.Name, agent.State{State: "running"})
}

func noFile(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", path, err)
	}
}
