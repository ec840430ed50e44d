package agent_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
)

var errBroken = errors.New("it broke")

// states checks what machines are doing: "running", "paused" and so on, in
// the order of the Spec.
func (s *served) states(t *testing.T, want ...string) {
	t.Helper()
	st, err := s.client.Status(t.Context())
	noError(t, err)
	var got []string
	for _, m := range st.Machines {
		got = append(got, m.State.State)
	}
	if !slices.Equal(got, want) {
		t.Errorf("states %q, want %q", got, want)
	}
}

// failed checks that err is a machine's fault, and names it.
func failed(t *testing.T, err error, machine string) {
	t.Helper()
	var e *agent.APIError
	if !errors.As(err, &e) || e.Code != "failed" || !strings.Contains(e.Message, `machine "`+machine+`": it broke`) {
		t.Errorf("error %v", err)
	}
}

// hasCode checks that err is an answer with that code.
func hasCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *agent.APIError
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v, want one of code %q", err, code)
	}
}

// saved makes the machines of an instance ones that have a State, with "one"
// in the memory of each, and returns those.
func (s *served) saved(t *testing.T) []agent.MachineSpec {
	t.Helper()
	var fresh, all []agent.MachineSpec
	for _, m := range s.spec.Machines {
		fresh = append(fresh, agenttest.GiveRAM(t, s.spec, m))
	}
	ctx := t.Context()
	noError(t, s.client.Replace(ctx, fresh))
	var fs []agent.Freezing
	for _, m := range fresh {
		s.hv.SetMemory(m.Name, "one")
		m.State = s.spec.Dir + "/" + m.Name + ".saved"
		m.RAM = &agent.RAMSpec{Path: m.RAM.Path}
		fs = append(fs, agent.Freezing{Machine: m.Name, State: m.State})
		all = append(all, m)
	}
	noError(t, s.client.Freeze(ctx, fs, false))
	return all
}

func TestStartAllBoots(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.Start(ctx, "a"))
	noError(t, s.client.StartAll(ctx))
	s.states(t, "running", "running")
	noError(t, s.client.StartAll(ctx)) // nothing is left to do
	if got := s.hv.Calls(); !slices.Equal(got, []string{"start a", "start b"}) {
		t.Errorf("calls %q", got)
	}
}

func TestStartAllLoads(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.Replace(ctx, s.saved(t)))
	noError(t, s.client.Destroy(ctx, "a"))
	noError(t, s.client.Destroy(ctx, "b"))
	before := len(s.hv.Calls())
	noError(t, s.client.StartAll(ctx))
	s.states(t, "running", "running")
	calls := s.hv.Calls()[before:]
	slices.Sort(calls[:2])
	slices.Sort(calls[2:])
	if want := []string{"start a", "start b", "resume a", "resume b"}; !slices.Equal(calls, want) {
		t.Errorf("calls %q, want all starts before every resume", calls)
	}
	if a, b := s.hv.Memory("a"), s.hv.Memory("b"); a != "one" || b != "one" {
		t.Errorf("memories %q and %q", a, b)
	}
}

func TestStartAllIsAllOrNothing(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	s.hv.FailCall("start", "b", errBroken)
	failed(t, s.client.StartAll(ctx), "b")
	s.states(t, "off", "absent")

	noError(t, s.client.Start(ctx, "a")) // not this call's: it stays
	noError(t, s.client.Suspend(ctx, "a"))
	failed(t, s.client.StartAll(ctx), "b")
	s.states(t, "paused", "absent")
	s.hv.FailCall("start", "b", nil)

	next := s.saved(t)
	s.hv.FailCall("resume", "b", errBroken)
	err := s.client.Replace(ctx, next)
	failed(t, err, "b")
	s.states(t, "off", "off")
	if !strings.Contains(err.Error(), "replaced and off") {
		t.Errorf("the error does not say what is: %v", err)
	}

	s.hv.FailCall("resume", "b", nil)
	s.hv.FailCall("start", "b", errBroken)
	s.hv.FailCall("destroy", "a", errors.New("stuck"))
	err = s.client.StartAll(ctx)
	failed(t, err, "b")
	if !strings.Contains(err.Error(), `cannot destroy machine "a": stuck`) {
		t.Errorf("what is left is not named: %v", err)
	}
}

func TestSuspendAndResumeAll(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.SuspendAll(ctx)) // nothing runs
	noError(t, s.client.StartAll(ctx))
	noError(t, s.client.SuspendAll(ctx))
	noError(t, s.client.SuspendAll(ctx))
	s.states(t, "paused", "paused")
	noError(t, s.client.ResumeAll(ctx))
	noError(t, s.client.ResumeAll(ctx))
	s.states(t, "running", "running")

	s.hv.FailCall("suspend", "b", errBroken)
	failed(t, s.client.SuspendAll(ctx), "b")
	s.states(t, "running", "running")
	s.hv.FailCall("suspend", "b", nil)

	noError(t, s.client.SuspendAll(ctx))
	s.hv.FailCall("resume", "a", errBroken)
	failed(t, s.client.ResumeAll(ctx), "a")
	s.states(t, "paused", "running")

	// A fault is not undone by going on.
	s.hv.Set("a", agent.State{State: "paused", Reason: "io-error", PID: 1 << 30})
	noError(t, s.client.ResumeAll(ctx))
	s.states(t, "paused", "running")
}

// held is a Hypervisor whose Start waits.
type held struct {
	*agenttest.Hypervisor
	entered, release chan struct{}
	ended            chan struct{} // closed when a Start's context ends
	once, end        sync.Once
}

func (h *held) Start(ctx context.Context, m agent.MachineSpec) error {
	h.once.Do(func() { close(h.entered) })
	select {
	case <-h.release:
	case <-ctx.Done():
		h.end.Do(func() { close(h.ended) })
		return ctx.Err()
	}
	return h.Hypervisor.Start(ctx, m)
}

func serveHeld(t *testing.T) (*served, *held) {
	t.Helper()
	h := &held{entered: make(chan struct{}), release: make(chan struct{}), ended: make(chan struct{})}
	s := serveHypervisor(t, func(hv *agenttest.Hypervisor) agent.Hypervisor {
		h.Hypervisor = hv
		return h
	})
	return s, h
}

func TestOneAtATime(t *testing.T) {
	s, h := serveHeld(t)
	ctx, goAway := context.WithCancel(t.Context())
	started := make(chan error, 1)
	go func() { started <- s.client.StartAll(ctx) }()
	<-h.entered
	c, ctx2 := s.client, t.Context()
	for name, err := range map[string]error{
		"start": c.StartAll(ctx2), "suspend": c.SuspendAll(ctx2), "resume": c.ResumeAll(ctx2),
		"freeze":  c.Freeze(ctx2, []agent.Freezing{{Machine: "a", State: s.spec.Dir + "/x"}}, true),
		"replace": c.Replace(ctx2, s.spec.Machines), "one start": c.Start(ctx2, "a"),
		"one suspend": c.Suspend(ctx2, "a"), "one resume": c.Resume(ctx2, "a"),
	} {
		if !errors.Is(err, agent.ErrBusy) || !errors.As(err, new(*lab.BusyError)) {
			t.Errorf("%s: error %v", name, err)
		}
		hasCode(t, err, "busy")
	}
	noError(t, c.Destroy(ctx2, "a")) // always
	s.states(t, "absent", "absent")

	// It is not left half done because the client goes away.
	goAway()
	if err := <-started; !errors.Is(err, context.Canceled) {
		t.Errorf("the client that went: %v", err)
	}
	select {
	case <-h.ended:
		t.Error("the machines' start ended with the client")
	case <-time.After(100 * time.Millisecond): // enough to notice, were it so
	}
	close(h.release)
	for {
		err := c.SuspendAll(ctx2) // which waits for nothing
		if !errors.Is(err, agent.ErrBusy) {
			noError(t, err)
			break
		}
		time.Sleep(time.Millisecond)
	}
	s.states(t, "paused", "paused")
}

// TestEndDuringStart ends the agent while machines start: it waits for none.
func TestEndDuringStart(t *testing.T) {
	s, h := serveHeld(t)
	started := make(chan error, 1)
	go func() { started <- s.client.StartAll(t.Context()) }()
	<-h.entered
	noError(t, s.stop())
	if err := <-started; err == nil {
		t.Error("the machines are said to run")
	}
}
