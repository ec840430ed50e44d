package virt

import (
	"fmt"
	"os"

	"github.com/patchlab/patchlab/lab/agent"
)

// memoryID names the memory of every machine, whether a file holds it or not:
// what was saved of one knows its memory by that name.
const memoryID = "ram0"

// memory is the arguments that put a machine's memory where its RAM says.
// libvirt has a file for it too, but chooses the path by itself.
func memory(m agent.MachineSpec) []string {
	object := "memory-backend-ram"
	if m.RAM != nil {
		object = "memory-backend-file,share=off,mem-path=" + quoteQEMU(m.RAM.Path)
		if m.RAM.Shared {
			object = "memory-backend-file,share=on,mem-path=" + quoteQEMU(m.RAM.Path)
		}
	}
	return []string{
		"-object", fmt.Sprintf("%s,id=%s,size=%dM", object, memoryID, m.MemoryMiB),
		"-machine", "memory-backend=" + memoryID,
	}
}

// checkRAM makes sure of the RAM file: one that does not exist QEMU would
// make, and fill with nothing.
func checkRAM(m agent.MachineSpec) error {
	if m.RAM == nil {
		return nil
	}
	info, err := os.Lstat(m.RAM.Path)
	if err != nil {
		return fmt.Errorf("cannot use the RAM file: %w", err)
	}
	if want := int64(m.MemoryMiB) << 20; !info.Mode().IsRegular() || info.Size() != want {
		return fmt.Errorf("RAM file %s is %v of %d bytes, want a regular file of %d", m.RAM.Path, info.Mode(), info.Size(), want)
	}
	return nil
}
