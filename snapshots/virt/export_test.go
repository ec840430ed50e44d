package virt

import (
	"context"

	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab/agent"
)

// Execute runs a command of the monitor of machine name's QEMU.
func Execute(h agent.Hypervisor, name, command string, arguments map[string]any, result any) error {
	return h.(*hypervisor).on(context.Background(), name, func(d *libvirt.Domain) error {
		return execute(d, command, arguments, result, nil)
	})
}
