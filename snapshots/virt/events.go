package virt

import (
	"fmt"

	"libvirt.org/go/libvirt"
)

// ending is how a machine came to its end.
type ending struct {
	state  string // agent.State's
	reason string
}

var destroyed = ending{"off", "destroyed"}

// subscribe makes libvirt's events known. Its callbacks run on the event
// loop: they must not call libvirt about the domain's state.
func (h *hypervisor) subscribe() error {
	id, err := h.conn.DomainEventLifecycleRegister(nil, func(_ *libvirt.Connect, d *libvirt.Domain, e *libvirt.DomainEventLifecycle) {
		h.lifecycle(nameOf(d), e)
	})
	if err != nil {
		return fmt.Errorf("cannot follow machines: %w", err)
	}
	h.callbacks = append(h.callbacks, id)
	id, err = h.conn.DomainEventIOErrorReasonRegister(nil, func(_ *libvirt.Connect, d *libvirt.Domain, e *libvirt.DomainEventIOErrorReason) {
		h.ioError(nameOf(d), e)
	})
	if err != nil {
		return fmt.Errorf("cannot follow disk errors: %w", err)
	}
	h.callbacks = append(h.callbacks, id)
	return nil
}

func nameOf(d *libvirt.Domain) string {
	name, err := d.GetName()
	if err != nil {
		return ""
	}
	return name
}

func (h *hypervisor) lifecycle(name string, e *libvirt.DomainEventLifecycle) {
	h.log.Info("machine event", "machine", name, "event", e.String())
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e.Event {
	case libvirt.DOMAIN_EVENT_STARTED, libvirt.DOMAIN_EVENT_RESUMED:
		delete(h.paused, name)
	case libvirt.DOMAIN_EVENT_STOPPED:
		e := endingOf(libvirt.DomainEventStoppedDetailType(e.Detail))
		if _, known := h.last[name]; known && e == destroyed {
			return // it may be late, and the one who destroyed it knew more
		}
		h.last[name] = e
	}
}

func endingOf(d libvirt.DomainEventStoppedDetailType) ending {
	switch d {
	case libvirt.DOMAIN_EVENT_STOPPED_SHUTDOWN:
		return ending{"off", "shutdown"}
	case libvirt.DOMAIN_EVENT_STOPPED_DESTROYED:
		return destroyed
	case libvirt.DOMAIN_EVENT_STOPPED_CRASHED:
		return ending{"crashed", "crashed"}
	case libvirt.DOMAIN_EVENT_STOPPED_FAILED:
		return ending{"crashed", "failed"}
	}
	return ending{"off", fmt.Sprintf("stopped (%d)", d)}
}

func (h *hypervisor) ioError(name string, e *libvirt.DomainEventIOErrorReason) {
	h.log.Error("disk error", "machine", name, "disk", e.SrcPath, "device", e.DevAlias, "action", e.Action, "reason", e.Reason)
	if e.Action != libvirt.DOMAIN_EVENT_IO_ERROR_PAUSE {
		return
	}
	reason := "io-error"
	if e.Reason != "" {
		reason += ": " + e.Reason
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.paused[name] = reason
}
