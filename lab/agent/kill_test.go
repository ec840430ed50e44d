package agent_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/patchlab/patchlab/lab/agent"
)

// isMachine is whether a process is that of a machine of spec, and not one
// that has ended or another of the same number.
func isMachine(spec *agent.Spec, pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && bytes.Contains(b, []byte(spec.RunDir+"/"))
}

// TestMachinesOutliveKilledAgent is what gc is for.
func TestMachinesOutliveKilledAgent(t *testing.T) {
	spec, ctx := writtenSpec(t), t.Context()
	p, err := launch(ctx, t, "processes", spec)
	noError(t, err)
	t.Cleanup(func() { _ = agent.KillLeftovers(context.Background(), spec, slog.New(slog.DiscardHandler)) })
	noError(t, p.Client.StartAll(ctx))
	st, err := p.Client.Status(ctx)
	noError(t, err)
	noError(t, syscall.Kill(p.PID, syscall.SIGKILL))
	if p.Wait(ctx) == nil {
		t.Error("the agent ended by itself")
	}
	for _, m := range st.Machines {
		if !isMachine(spec, m.PID) {
			t.Errorf("machine %q died with its agent", m.Name)
		}
	}
	noError(t, agent.KillLeftovers(ctx, spec, slog.New(slog.DiscardHandler)))
	for _, m := range st.Machines {
		if isMachine(spec, m.PID) {
			t.Errorf("machine %q lives on", m.Name)
		}
	}
	noError(t, p.Stop(ctx)) // removes the sockets
	if exists(spec.RunDir) {
		t.Error("the run folder is left")
	}
}

// TestKilledMachine kills a machine under its agent.
func TestKilledMachine(t *testing.T) {
	spec, ctx := writtenSpec(t), t.Context()
	p, err := launch(ctx, t, "processes", spec)
	noError(t, err)
	defer func() { noError(t, p.Stop(ctx)) }()
	noError(t, p.Client.StartAll(ctx))
	st, err := p.Client.Status(ctx)
	noError(t, err)
	noError(t, spec.KillMachine(ctx, st.Machines[0].PID))
	for st.Machines[0].State.State != "crashed" { // as soon as the agent has noticed
		st, err = p.Client.Status(ctx)
		noError(t, err)
	}
	if st.Machines[0].Reason != "failed" || st.Machines[1].State.State != "running" {
		t.Errorf("machines %+v", st.Machines)
	}
	noError(t, p.Client.StartAll(ctx)) // only what does not run
	again, err := p.Client.Status(ctx)
	noError(t, err)
	if again.Machines[0].State.State != "running" || again.Machines[1].PID != st.Machines[1].PID {
		t.Errorf("machines %+v", again.Machines)
	}
}
