package agenttest_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	for name, options := range map[string][]agenttest.Option{"states": nil, "processes": {agenttest.WithProcesses}} {
		t.Run(name, func(t *testing.T) {
			agenttest.TestHypervisor(t, func(t *testing.T) (agent.Hypervisor, *agent.Spec) {
				spec := agenttest.Spec(t)
				agenttest.Listen(t, spec)
				return agenttest.New(spec, options...), spec
			})
		})
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, options ...agenttest.Option) (*agenttest.Hypervisor, *agent.Spec) {
	t.Helper()
	spec := agenttest.Spec(t)
	agenttest.Listen(t, spec)
	h := agenttest.New(spec, options...)
	t.Cleanup(func() { noError(t, h.Close(t.Context())) })
	return h, spec
}

func remembers(t *testing.T, h *agenttest.Hypervisor, want string) {
	t.Helper()
	if got := h.Memory("a"); got != want {
		t.Errorf("memory %q, want %q", got, want)
	}
}

// TestMemoryTravels forks a machine: the state carries its memory, and what
// the fork writes is its own.
func TestMemoryTravels(t *testing.T) {
	h, spec := open(t)
	ctx, m := t.Context(), agenttest.GiveRAM(t, spec, spec.Machines[0])
	noError(t, h.Start(ctx, m))
	remembers(t, h, "")
	h.SetMemory("a", "a longer nonce")
	h.SetMemory("a", "nonce")
	noError(t, h.Suspend(ctx, "a"))
	state := filepath.Join(spec.Dir, "a.state")
	noError(t, h.Save(ctx, "a", state))
	noError(t, h.Destroy(ctx, "a"))
	remembers(t, h, "")

	fork := m
	fork.State, fork.RAM = state, &agent.RAMSpec{Path: m.RAM.Path}
	noError(t, h.Start(ctx, fork))
	remembers(t, h, "nonce")
	h.SetMemory("a", "marker")
	remembers(t, h, "marker")
	whole := filepath.Join(spec.Dir, "whole.state")
	noError(t, h.Save(ctx, "a", whole)) // off: its memory is not in the file
	noError(t, h.Start(ctx, fork))
	remembers(t, h, "nonce") // the marker is gone
	noError(t, h.Destroy(ctx, "a"))

	again := m
	again.State, again.RAM = whole, nil
	noError(t, h.Start(ctx, again))
	remembers(t, h, "marker")
	noError(t, h.Destroy(ctx, "a"))
	noError(t, h.Start(ctx, m)) // boots
	remembers(t, h, "")
}

func TestLoadRefuses(t *testing.T) {
	h, spec := open(t)
	ctx, m := t.Context(), agenttest.GiveRAM(t, spec, spec.Machines[0])
	noError(t, h.Start(ctx, m))
	noError(t, h.Suspend(ctx, "a"))
	state := filepath.Join(spec.Dir, "a.state")
	noError(t, h.Save(ctx, "a", state))
	noError(t, h.Destroy(ctx, "a"))
	for name, harm := range map[string]func(*agent.MachineSpec){
		"another machine's": func(m *agent.MachineSpec) { m.Name, m.UUID = "b", spec.Machines[1].UUID },
		"without memory":    func(m *agent.MachineSpec) { m.RAM = nil },
		"other size":        func(m *agent.MachineSpec) { m.MemoryMiB = 65 },
		"no RAM file":       func(m *agent.MachineSpec) { m.RAM = &agent.RAMSpec{Path: "/nonexistent"} },
		"no state":          func(m *agent.MachineSpec) { m.State = m.RAM.Path },
	} {
		t.Run(name, func(t *testing.T) {
			m := m
			m.State = state
			harm(&m)
			if h.Start(ctx, m) == nil {
				t.Error("it starts")
			}
		})
	}
}

// stateOf waits until a machine is in a state.
func stateOf(t *testing.T, h *agenttest.Hypervisor, name, want string) agent.State {
	t.Helper()
	for range 1000 {
		s, err := h.State(t.Context(), name)
		noError(t, err)
		if s.State == want {
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("machine %q does not become %s", name, want)
	return agent.State{}
}

func TestProcesses(t *testing.T) {
	h, spec := open(t, agenttest.WithProcesses)
	ctx := t.Context()
	for _, m := range spec.Machines {
		noError(t, h.Start(ctx, m))
	}
	a, b := stateOf(t, h, "a", "running").PID, stateOf(t, h, "b", "running").PID
	if a == b || a == os.Getpid() {
		t.Fatalf("processes %d and %d", a, b)
	}
	noError(t, syscall.Kill(a, syscall.SIGKILL))
	if s := stateOf(t, h, "a", "crashed"); s.Reason != "failed" || s.PID != 0 || h.Console("a") != nil {
		t.Errorf("state %+v", s)
	}
	noError(t, h.Start(ctx, spec.Machines[0]))
	stateOf(t, h, "a", "running")
	noError(t, agent.KillLeftovers(ctx, spec, slog.New(slog.DiscardHandler)))
	stateOf(t, h, "a", "crashed")
	stateOf(t, h, "b", "crashed")
}
