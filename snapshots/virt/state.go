package virt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab/agent"
)

// State implements agent.Hypervisor.
func (h *hypervisor) State(ctx context.Context, name string) (agent.State, error) {
	var s agent.State
	err := h.on(ctx, name, func(d *libvirt.Domain) error {
		state, reason, err := d.GetState()
		if err != nil {
			return err
		}
		s = stateOf(state, reason)
		return nil
	})
	switch {
	case errors.Is(err, agent.ErrNotRunning), errors.Is(err, libvirt.ERR_NO_DOMAIN):
		return h.ended(name), nil
	case err != nil:
		return agent.State{}, wrap("ask for the state of", name, err)
	}
	if s.State == "paused" {
		h.mu.Lock()
		if r := h.paused[name]; r != "" {
			s.Reason = r
		}
		h.mu.Unlock()
	}
	if s.State != "off" {
		s.PID = h.pid(name)
	}
	return s, nil
}

// ended says how a machine ended that libvirt does not know any more.
func (h *hypervisor) ended(name string) agent.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, ok := h.last[name]; ok {
		return agent.State{State: e.state, Reason: e.reason}
	}
	return agent.State{State: "absent"}
}

func stateOf(s libvirt.DomainState, reason int) agent.State {
	switch s {
	case libvirt.DOMAIN_RUNNING, libvirt.DOMAIN_BLOCKED:
		return agent.State{State: "running"}
	case libvirt.DOMAIN_PAUSED, libvirt.DOMAIN_PMSUSPENDED:
		return agent.State{State: "paused", Reason: pausedReason(libvirt.DomainPausedReason(reason))}
	case libvirt.DOMAIN_SHUTDOWN:
		return agent.State{State: "running", Reason: "shutdown"}
	case libvirt.DOMAIN_CRASHED:
		if libvirt.DomainCrashedReason(reason) == libvirt.DOMAIN_CRASHED_PANICKED {
			return agent.State{State: "crashed", Reason: "panicked"}
		}
		return agent.State{State: "crashed"}
	}
	return agent.State{State: "off"}
}

func pausedReason(r libvirt.DomainPausedReason) string {
	switch r {
	case libvirt.DOMAIN_PAUSED_USER:
		return "user"
	case libvirt.DOMAIN_PAUSED_IOERROR:
		return "io-error"
	case libvirt.DOMAIN_PAUSED_CRASHED:
		return "panicked"
	case libvirt.DOMAIN_PAUSED_STARTING_UP:
		return "starting-up"
	case libvirt.DOMAIN_PAUSED_MIGRATION, libvirt.DOMAIN_PAUSED_SAVE, libvirt.DOMAIN_PAUSED_SNAPSHOT:
		return "saving"
	case libvirt.DOMAIN_PAUSED_SHUTTING_DOWN:
		return "shutting-down"
	}
	return ""
}

// pid is the process of a running machine, from the file libvirt keeps; 0
// when there is none.
func (h *hypervisor) pid(name string) int {
	b, err := os.ReadFile(filepath.Join(h.spec.VirtRoot(), "run", "qemu", name+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid < 2 {
		return 0
	}
	return pid
}
