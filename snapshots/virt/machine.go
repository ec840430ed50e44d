package virt

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab/agent"
)

// Destroy implements agent.Hypervisor.
func (h *hypervisor) Destroy(ctx context.Context, name string) error {
	err := h.on(ctx, name, h.destroy)
	if errors.Is(err, agent.ErrNotRunning) {
		return nil
	}
	return wrap("destroy", name, err)
}

func (h *hypervisor) destroy(d *libvirt.Domain) error {
	return h.end(d, destroyed)
}

// end destroys a machine, of which e is then known.
func (h *hypervisor) end(d *libvirt.Domain, e ending) error {
	name := nameOf(d)
	err := d.Destroy()
	if errors.Is(err, libvirt.ERR_NO_DOMAIN) || errors.Is(err, libvirt.ERR_OPERATION_INVALID) {
		return nil // it ended by itself, and libvirt's event says how
	}
	if err == nil {
		h.mu.Lock()
		h.last[name] = e
		h.mu.Unlock()
	}
	return err
}

// destroyAll destroys machines side by side: libvirt looks only from time to
// time whether a QEMU has ended.
func (h *hypervisor) destroyAll() error {
	all, err := h.conn.ListAllDomains(0)
	if err != nil {
		return fmt.Errorf("cannot list machines: %w", err)
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			errs[i] = wrap("destroy", nameOf(&all[i]), h.destroy(&all[i]))
			_ = all[i].Free()
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Suspend implements agent.Hypervisor.
func (h *hypervisor) Suspend(ctx context.Context, name string) error {
	return wrap("suspend", name, h.on(ctx, name, (*libvirt.Domain).Suspend))
}

// Resume implements agent.Hypervisor.
func (h *hypervisor) Resume(ctx context.Context, name string) error {
	return wrap("resume", name, h.on(ctx, name, func(d *libvirt.Domain) error {
		if s, _, err := d.GetState(); err == nil && s == libvirt.DOMAIN_RUNNING {
			return nil
		}
		return d.Resume()
	}))
}

func wrap(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot %s machine %q: %w", verb, name, err)
}

// on calls f with the running domain of that name. The error wraps
// agent.ErrUnknownMachine or agent.ErrNotRunning where that is the cause.
func (h *hypervisor) on(ctx context.Context, name string, f func(*libvirt.Domain) error) error {
	if h.spec.Machine(name) == nil {
		return agent.ErrUnknownMachine
	}
	return h.call(ctx, func() error {
		d, err := h.find(name)
		if err != nil {
			return err
		}
		defer func() { _ = d.Free() }()
		return f(d)
	})
}

// find returns a machine that libvirt knows, or agent.ErrNotRunning. It does
// not look it up by name: libvirt logs as an error what is none.
func (h *hypervisor) find(name string) (*libvirt.Domain, error) {
	all, err := h.conn.ListAllDomains(0)
	if err != nil {
		return nil, err
	}
	var found *libvirt.Domain
	for i := range all {
		if found == nil && nameOf(&all[i]) == name {
			found = &all[i]
			continue
		}
		_ = all[i].Free()
	}
	if found == nil {
		return nil, agent.ErrNotRunning
	}
	return found, nil
}

// call runs f, which calls libvirt and so cannot be cancelled. When ctx ends
// first, f goes on by itself; Close waits for it.
func (h *hypervisor) call(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return agent.ErrClosed
	}
	h.calls.Go(func() { done <- f() })
	h.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
