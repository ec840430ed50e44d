package agenttest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"log/slog"
	"net"
	"slices"
	"sync"

	"github.com/patchlab/patchlab/lab/agent"
)

// Hypervisor is an agent.Hypervisor without machines: it keeps their states
// and a text for the memory of each, and connects to their sockets as QEMU
// would. The zero value is unusable: see New.
type Hypervisor struct {
	spec *agent.Spec
	real bool // WithProcesses

	mu     sync.Mutex
	states map[string]agent.State
	conns  map[string][]net.Conn // the console first, then the nics
	memory map[string]memory     // of machines that run
	procs  map[string]*process
	fails  map[failure]error
	calls  []string
	closed bool
}

// failure is a call that fails; without a verb every call does.
type failure struct{ verb, name string }

var _ agent.Hypervisor = (*Hypervisor)(nil)

// fakePID is greater than any real process's.
const fakePID = 1 << 30

// Option changes a Hypervisor.
type Option func(*Hypervisor)

// WithProcesses gives every machine that runs a real process, so that tests
// can kill: it is known as its instance's (agent.KillLeftovers), outlives the
// process that started it as QEMU does, and when it is killed its machine is
// "crashed" for the reason "failed". Destroy and Close end it; after the death
// of its parent KillLeftovers has to.
func WithProcesses(h *Hypervisor) { h.real = true }

// Open has the signature that agent.Run wants.
func Open(_ context.Context, spec *agent.Spec, _ *slog.Logger) (agent.Hypervisor, error) {
	return New(spec), nil
}

// New returns a Hypervisor for the machines of spec.
func New(spec *agent.Spec, options ...Option) *Hypervisor {
	h := &Hypervisor{
		spec: spec, states: map[string]agent.State{}, conns: map[string][]net.Conn{}, memory: map[string]memory{},
		procs: map[string]*process{}, fails: map[failure]error{},
	}
	for _, o := range options {
		o(h)
	}
	return h
}

// Fail makes every later call for that machine return err; nil ends it.
func (h *Hypervisor) Fail(name string, err error) { h.FailCall("", name, err) }

// FailCall makes later calls of one method for that machine return err: verb
// is "start", "save", "destroy", "suspend", "resume", "state" or
// "screenshot". Nil ends it.
func (h *Hypervisor) FailCall(verb, name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fails[failure{verb, name}] = err
}

// Calls returns what was done to machines so far, in order, such as
// "start web": calls that failed, and those that only look, are not in it.
func (h *Hypervisor) Calls() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// Set gives a machine another state, as when QEMU dies. Its connections and
// its process end unless it runs or is paused.
func (h *Hypervisor) Set(name string, s agent.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.set(name, s)
}

// Console is the machine's end of its serial port, NIC its end of the i-th
// network card; nil when it does not run.
func (h *Hypervisor) Console(name string) net.Conn { return h.conn(name, 0) }

// NIC is described at Console.
func (h *Hypervisor) NIC(name string, i int) net.Conn { return h.conn(name, i+1) }

func (h *Hypervisor) conn(name string, i int) net.Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i >= len(h.conns[name]) {
		return nil
	}
	return h.conns[name][i]
}

func (h *Hypervisor) set(name string, s agent.State) {
	if s.State != "running" && s.State != "paused" {
		for _, c := range h.conns[name] {
			_ = c.Close()
		}
		delete(h.conns, name)
		delete(h.memory, name)
		if p := h.procs[name]; p != nil {
			delete(h.procs, name)
			p.kill()
		}
	}
	h.states[name] = s
}

// do checks what every method checks, and calls f with the lock held.
func (h *Hypervisor) do(ctx context.Context, verb, name string, f func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.check(ctx, verb, name)
	if err == nil {
		err = f()
	}
	if err != nil {
		return fmt.Errorf("cannot %s machine %q: %w", verb, name, err)
	}
	if verb != "state" && verb != "screenshot" {
		h.calls = append(h.calls, verb+" "+name)
	}
	return nil
}

func (h *Hypervisor) check(ctx context.Context, verb, name string) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case h.closed:
		return agent.ErrClosed
	case h.spec.Machine(name) == nil:
		return agent.ErrUnknownMachine
	}
	if err := h.fails[failure{verb, name}]; err != nil {
		return err
	}
	return h.fails[failure{"", name}]
}

func (h *Hypervisor) running(name string) bool {
	s := h.states[name].State
	return s == "running" || s == "paused"
}

// Destroy implements agent.Hypervisor.
func (h *Hypervisor) Destroy(ctx context.Context, name string) error {
	return h.do(ctx, "destroy", name, func() error {
		if h.running(name) {
			h.set(name, agent.State{State: "off", Reason: "destroyed"})
		}
		return nil
	})
}

// Suspend implements agent.Hypervisor.
func (h *Hypervisor) Suspend(ctx context.Context, name string) error {
	return h.change(ctx, "suspend", name, agent.State{State: "paused", Reason: "user"})
}

// Resume implements agent.Hypervisor.
func (h *Hypervisor) Resume(ctx context.Context, name string) error {
	return h.change(ctx, "resume", name, agent.State{State: "running"})
}

func (h *Hypervisor) change(ctx context.Context, verb, name string, s agent.State) error {
	return h.do(ctx, verb, name, func() error {
		if !h.running(name) {
			return agent.ErrNotRunning
		}
		s.PID = h.states[name].PID
		h.set(name, s)
		return nil
	})
}

// State implements agent.Hypervisor.
func (h *Hypervisor) State(ctx context.Context, name string) (s agent.State, err error) {
	err = h.do(ctx, "state", name, func() error {
		var ok bool
		if s, ok = h.states[name]; !ok {
			s.State = "absent"
		}
		return nil
	})
	return s, err
}

// Screenshot implements agent.Hypervisor: a black picture.
func (h *Hypervisor) Screenshot(ctx context.Context, name string) ([]byte, error) {
	var b bytes.Buffer
	err := h.do(ctx, "screenshot", name, func() error {
		if !h.running(name) {
			return agent.ErrNotRunning
		}
		return png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 3)))
	})
	return b.Bytes(), err
}

// Close implements agent.Hypervisor.
func (h *Hypervisor) Close(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, m := range h.spec.Machines {
		if h.running(m.Name) {
			h.set(m.Name, agent.State{State: "off", Reason: "destroyed"})
		}
	}
	return nil
}
