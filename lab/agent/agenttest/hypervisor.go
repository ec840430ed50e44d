package agenttest

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"log/slog"
	"net"
	"sync"

	"github.com/patchlab/patchlab/lab/agent"
)

// Hypervisor is an agent.Hypervisor without machines: it keeps their states,
// and connects to their sockets as QEMU would. The zero value is unusable: see
// Open.
type Hypervisor struct {
	spec *agent.Spec

	mu     sync.Mutex
	states map[string]agent.State
	conns  map[string][]net.Conn // the console first, then the nics
	fails  map[string]error
	closed bool
}

var _ agent.Hypervisor = (*Hypervisor)(nil)

// fakePID is greater than any real process's.
const fakePID = 1 << 30

// Open has the signature that agent.Run wants.
func Open(_ context.Context, spec *agent.Spec, _ *slog.Logger) (agent.Hypervisor, error) {
	return New(spec), nil
}

// New returns a Hypervisor for the machines of spec.
func New(spec *agent.Spec) *Hypervisor {
	return &Hypervisor{
		spec: spec, states: map[string]agent.State{}, conns: map[string][]net.Conn{}, fails: map[string]error{},
	}
}

// Fail makes every later call for that machine return err; nil ends it.
func (h *Hypervisor) Fail(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fails[name] = err
}

// Set gives a machine another state, as when QEMU dies. Its connections are
// closed unless it runs or is paused.
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
	}
	h.states[name] = s
}

// begin checks what every method checks. The caller holds the lock.
func (h *Hypervisor) begin(ctx context.Context, name string) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case h.closed:
		return agent.ErrClosed
	case h.spec.Machine(name) == nil:
		return agent.ErrUnknownMachine
	}
	return h.fails[name]
}

func (h *Hypervisor) running(name string) bool {
	s := h.states[name].State
	return s == "running" || s == "paused"
}

// Start implements agent.Hypervisor.
func (h *Hypervisor) Start(ctx context.Context, m agent.MachineSpec) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.begin(ctx, m.Name); err != nil {
		return err
	}
	if h.running(m.Name) {
		return agent.ErrRunning
	}
	sockets := []string{m.ConsoleSocket}
	for _, n := range m.NICs {
		sockets = append(sockets, n.Socket)
	}
	for _, s := range sockets {
		c, err := net.Dial("unix", s)
		if err != nil {
			h.set(m.Name, agent.State{State: "off"})
			return err
		}
		h.conns[m.Name] = append(h.conns[m.Name], c)
	}
	h.set(m.Name, agent.State{State: "running", PID: fakePID})
	return nil
}

// Destroy implements agent.Hypervisor.
func (h *Hypervisor) Destroy(ctx context.Context, name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.begin(ctx, name); err != nil {
		return err
	}
	if h.running(name) {
		h.set(name, agent.State{State: "off", Reason: "destroyed"})
	}
	return nil
}

// Suspend implements agent.Hypervisor.
func (h *Hypervisor) Suspend(ctx context.Context, name string) error {
	return h.change(ctx, name, agent.State{State: "paused", Reason: "user", PID: fakePID})
}

// Resume implements agent.Hypervisor.
func (h *Hypervisor) Resume(ctx context.Context, name string) error {
	return h.change(ctx, name, agent.State{State: "running", PID: fakePID})
}

func (h *Hypervisor) change(ctx context.Context, name string, s agent.State) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.begin(ctx, name); err != nil {
		return err
	}
	if !h.running(name) {
		return agent.ErrNotRunning
	}
	h.set(name, s)
	return nil
}

// State implements agent.Hypervisor.
func (h *Hypervisor) State(ctx context.Context, name string) (agent.State, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.begin(ctx, name); err != nil {
		return agent.State{}, err
	}
	s, ok := h.states[name]
	if !ok {
		s.State = "absent"
	}
	return s, nil
}

// Screenshot implements agent.Hypervisor: a black picture.
func (h *Hypervisor) Screenshot(ctx context.Context, name string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.begin(ctx, name); err != nil {
		return nil, err
	}
	if !h.running(name) {
		return nil, agent.ErrNotRunning
	}
	var b bytes.Buffer
	err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 3)))
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
