package virt

import (
	"context"
	"errors"
	"fmt"
	"os"

	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab/agent"
)

// Start implements agent.Hypervisor.
func (h *hypervisor) Start(ctx context.Context, m agent.MachineSpec) error {
	if h.spec.Machine(m.Name) == nil {
		return wrap("start", m.Name, agent.ErrUnknownMachine)
	}
	doc, err := DomainXML(h.spec, m)
	if err != nil {
		return err
	}
	err = h.call(ctx, func() error {
		if d, err := h.find(m.Name); err == nil {
			_ = d.Free()
			return agent.ErrRunning
		}
		return h.start(ctx, m, doc)
	})
	if err != nil {
		return wrap("start", m.Name, err)
	}
	if err := saveCapabilities(h.spec); err != nil {
		h.log.Warn("cannot save capabilities for later instances", "error", err)
	}
	return nil
}

func (h *hypervisor) start(ctx context.Context, m agent.MachineSpec, doc string) error {
	if err := checkRAM(m); err != nil {
		return err
	}
	if m.State != "" {
		return h.load(ctx, m, doc)
	}
	d, err := h.create(m, doc, libvirt.DOMAIN_NONE)
	if err != nil {
		return err
	}
	return d.Free()
}

// create starts a machine's QEMU, and remembers what it was made of.
func (h *hypervisor) create(m agent.MachineSpec, doc string, flags libvirt.DomainCreateFlags) (*libvirt.Domain, error) {
	h.mu.Lock()
	delete(h.last, m.Name)
	h.mu.Unlock()
	d, err := h.conn.DomainCreateXML(doc, flags)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.last[m.Name] = ending{"off", "failed"}
		return nil, err
	}
	h.started[m.Name] = m
	return d, nil
}

// machine is what a running machine was started with.
func (h *hypervisor) machine(name string) agent.MachineSpec {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.started[name]
}

// load starts a machine from its state, and leaves it paused.
//
// The guest's hardware clock is right then, however old the state is: QEMU
// keeps its difference to the host's clock, which it reads whenever the guest
// asks. The guest's own clock goes on from where it was saved.
func (h *hypervisor) load(ctx context.Context, m agent.MachineSpec, doc string) error {
	f, err := os.Open(m.State)
	if err != nil {
		return fmt.Errorf("cannot use the saved state: %w", err)
	}
	defer f.Close()
	logged := h.qemuLogSize(m.Name)
	d, err := h.create(m, doc, libvirt.DOMAIN_START_PAUSED)
	if err != nil {
		return err
	}
	defer func() { _ = d.Free() }()
	if err := transfer(ctx, d, fromFile, f, m.RAM == nil, m); err != nil {
		// QEMU mostly ends by itself then, and its reason is in its log alone.
		err = errors.Join(err, h.destroy(d))
		return fmt.Errorf("cannot load %s: %s%w", m.State, h.qemuSaid(m.Name, logged), err)
	}
	return nil
}
