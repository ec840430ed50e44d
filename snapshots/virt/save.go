package virt

import (
	"context"
	"errors"
	"os"

	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab/agent"
)

// Save implements agent.Hypervisor. When it returns, QEMU has also written to
// the machine's disks what it kept of them. Before the machine can be saved
// again it has to be resumed.
func (h *hypervisor) Save(ctx context.Context, name, path string) error {
	if err := ctx.Err(); err != nil {
		return wrap("save", name, err)
	}
	// When ctx ends it returns only after the file is gone.
	return wrap("save", name, h.on(context.WithoutCancel(ctx), name, func(d *libvirt.Domain) error {
		s, _, err := d.GetState()
		if err != nil {
			return err
		}
		if s != libvirt.DOMAIN_PAUSED {
			return errors.New("it is not paused")
		}
		m := h.machine(name)
		whole := m.RAM == nil || !m.RAM.Shared
		if err := saveTo(ctx, d, path, whole, m); err != nil {
			return err
		}
		if !whole {
			return nil
		}
		if err := h.end(d, ending{"off", "saved"}); err != nil {
			return errors.Join(err, os.Remove(path))
		}
		return nil
	}))
}

// saveTo makes the file path, or leaves none.
func saveTo(ctx context.Context, d *libvirt.Domain, path string, whole bool, m agent.MachineSpec) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = transfer(ctx, d, toFile, f, whole, m)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
