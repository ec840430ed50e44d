// Package agenttest has what tests of instances need: a Hypervisor that runs
// no machine, and the contract that every Hypervisor keeps.
package agenttest

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
)

// Opener gives a fresh Hypervisor for an instance with at least two machines,
// neither of them running, whose sockets are listening.
type Opener func(t *testing.T) (agent.Hypervisor, *agent.Spec)

// cases are the contract's clauses.
var cases = []struct {
	name string
	run  func(*testing.T, agent.Hypervisor, *agent.Spec)
}{
	{"unknown-machine", unknownMachine},
	{"before-start", beforeStart},
	{"life", life},
	{"same-time", sameTime},
	{"ended-context", endedContext},
	{"save", save},
	{"save-running", saveRunning},
	{"save-whole", saveWhole},
	{"load", load},
	{"close", closes},
}

// Cases returns the names of TestHypervisor's subtests, for hypervisors that a
// process can open only once.
func Cases() []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// TestHypervisor checks that what open gives keeps the contract of
// agent.Hypervisor. The cases run one after another.
func TestHypervisor(t *testing.T, open Opener) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, spec := open(t)
			t.Cleanup(func() { noError(t, h.Close(context.Background())) })
			c.run(t, h, spec)
		})
	}
}

func unknownMachine(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx := t.Context()
	m := spec.Machines[0]
	m.Name = "nobody"
	is(t, h.Start(ctx, m), agent.ErrUnknownMachine)
	is(t, h.Destroy(ctx, "nobody"), agent.ErrUnknownMachine)
	is(t, h.Suspend(ctx, "nobody"), agent.ErrUnknownMachine)
	is(t, h.Resume(ctx, "nobody"), agent.ErrUnknownMachine)
	is(t, h.Save(ctx, "nobody", filepath.Join(spec.Dir, "nobody.state")), agent.ErrUnknownMachine)
	_, err := h.State(ctx, "nobody")
	is(t, err, agent.ErrUnknownMachine)
	if err != nil && !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("no machine named in: %v", err)
	}
	_, err = h.Screenshot(ctx, "nobody")
	is(t, err, agent.ErrUnknownMachine)
}

func beforeStart(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx, name := t.Context(), spec.Machines[0].Name
	state(t, h, name, agent.State{State: "absent"})
	noError(t, h.Destroy(ctx, name))
	is(t, h.Suspend(ctx, name), agent.ErrNotRunning)
	is(t, h.Resume(ctx, name), agent.ErrNotRunning)
	path := filepath.Join(spec.Dir, "a.state")
	is(t, h.Save(ctx, name, path), agent.ErrNotRunning)
	noFile(t, path)
	_, err := h.Screenshot(ctx, name)
	is(t, err, agent.ErrNotRunning)
}

func life(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx, m := t.Context(), spec.Machines[0]
	noError(t, h.Start(ctx, m))
	pid := state(t, h, m.Name, agent.State{State: "running"})
	is(t, h.Start(ctx, m), agent.ErrRunning)
	for range 2 { // the second time is no error
		noError(t, h.Suspend(ctx, m.Name))
		state(t, h, m.Name, agent.State{State: "paused", Reason: "user"})
	}
	for range 2 {
		noError(t, h.Resume(ctx, m.Name))
		state(t, h, m.Name, agent.State{State: "running"})
	}
	b, err := h.Screenshot(ctx, m.Name)
	noError(t, err)
	if _, err := png.Decode(bytes.NewReader(b)); err != nil {
		t.Errorf("screenshot: %v", err)
	}
	for range 2 {
		noError(t, h.Destroy(ctx, m.Name))
		state(t, h, m.Name, agent.State{State: "off", Reason: "destroyed"})
	}
	gone(t, pid)
	noError(t, h.Start(ctx, m))
	state(t, h, m.Name, agent.State{State: "running"})
}

func sameTime(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx := t.Context()
	var wg sync.WaitGroup
	for _, m := range spec.Machines {
		wg.Go(func() { noError(t, h.Start(ctx, m)) })
	}
	wg.Wait()
	for _, m := range spec.Machines {
		for _, f := range []func(context.Context, string) error{h.Suspend, h.Resume} {
			wg.Go(func() { noError(t, f(ctx, m.Name)) })
		}
		wg.Go(func() {
			_, err := h.State(ctx, m.Name)
			noError(t, err)
		})
	}
	wg.Wait()
}

func endedContext(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	is(t, h.Start(ctx, spec.Machines[0]), context.Canceled)
	state(t, h, spec.Machines[0].Name, agent.State{State: "absent"})
}

func closes(t *testing.T, h agent.Hypervisor, spec *agent.Spec) {
	ctx, m := context.Background(), spec.Machines[0]
	noError(t, h.Start(ctx, m))
	pid := state(t, h, m.Name, agent.State{State: "running"})
	noError(t, h.Close(ctx))
	gone(t, pid)
	noError(t, h.Close(ctx))
	is(t, h.Start(ctx, m), agent.ErrClosed)
	_, err := h.State(ctx, m.Name)
	is(t, err, agent.ErrClosed)
}

// anyReason stands for every reason of a state.
const anyReason = "any"

// state waits until a machine is as wanted, whose PID does not matter, and
// returns its PID: a destroyed machine's end is known a moment later.
func state(t *testing.T, h agent.Hypervisor, name string, want agent.State) int {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		s, err := h.State(context.Background(), name)
		noError(t, err)
		pid := s.PID
		s.PID = 0
		if s == want || want.Reason == anyReason && s.State == want.State {
			running := want.State == "running" || want.State == "paused"
			if running != (pid > 0) {
				t.Errorf("state %q with process %d", s.State, pid)
			}
			return pid
		}
		if time.Now().After(deadline) {
			t.Fatalf("state %+v, want %+v", s, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// gone checks that a process has ended, if it is a real one.
func gone(t *testing.T, pid int) {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err == nil && bytes.Contains(b, []byte("\x00-uuid\x00")) {
		t.Errorf("process %d of the machine still runs", pid)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
