package agenttest

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/patchlab/patchlab/lab/agent"
)

// Start implements agent.Hypervisor.
func (h *Hypervisor) Start(ctx context.Context, m agent.MachineSpec) error {
	return h.do(ctx, "start", m.Name, func() error {
		if h.running(m.Name) {
			return agent.ErrRunning
		}
		err := h.start(m)
		if err != nil {
			h.set(m.Name, agent.State{State: "off", Reason: "failed"})
		}
		return err
	})
}

// start leaves what it did to set when it fails.
func (h *Hypervisor) start(m agent.MachineSpec) error {
	mem, err := loadMemory(m)
	if err != nil {
		return err
	}
	sockets := []string{m.ConsoleSocket}
	for _, n := range m.NICs {
		sockets = append(sockets, n.Socket)
	}
	for _, s := range sockets {
		c, err := net.Dial("unix", s)
		if err != nil {
			return err
		}
		h.conns[m.Name] = append(h.conns[m.Name], c)
	}
	pid := fakePID
	if h.real {
		p, err := startProcess(h.spec, m)
		if err != nil {
			return err
		}
		h.procs[m.Name], pid = p, p.cmd.Process.Pid
		go h.watch(m.Name, p)
	}
	h.memory[m.Name] = mem
	s := agent.State{State: "running", PID: pid}
	if m.State != "" {
		s.State, s.Reason = "paused", "user"
	}
	h.set(m.Name, s)
	return nil
}

// process is what a machine would be QEMU's.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// startProcess starts what waits until it is killed: it reads from a pipe
// that nobody else can write to. Its arguments are as telling as QEMU's.
func startProcess(spec *agent.Spec, m agent.MachineSpec) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	cmd := exec.Command("sh", "-c", "read forever", "machine", //nolint:gosec // of a test
		"-uuid", m.UUID, filepath.Join(spec.RunDir, "machine-"+m.Name))
	cmd.Dir, cmd.Stdin, cmd.ExtraFiles = "/", r, []*os.File{w}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	return p, nil
}

// watch notices the end of a machine's process.
func (h *Hypervisor) watch(name string, p *process) {
	_ = p.cmd.Wait() // how it ended does not matter
	close(p.done)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.procs[name] == p { // nobody here ended it
		delete(h.procs, name)
		h.set(name, agent.State{State: "crashed", Reason: "failed"})
	}
}

// kill ends the process and waits for it.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic(err)
	}
	<-p.done
}
