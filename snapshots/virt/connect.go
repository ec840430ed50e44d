package virt

import (
	"runtime"

	"golang.org/x/sys/unix"
	"libvirt.org/go/libvirt"
)

// connect opens the driver on the first processor that this process may use.
// The driver reads the processor's CPUID then, and takes what it has learnt of
// QEMU for outdated when another one was there; but some of CPUID is each
// processor's own.
func connect(uri string) (*libvirt.Connect, error) {
	runtime.LockOSThread()
	var all unix.CPUSet
	moved := unix.SchedGetaffinity(0, &all) == nil && unix.SchedSetaffinity(0, first(&all)) == nil
	conn, err := libvirt.NewConnect(uri)
	if !moved || unix.SchedSetaffinity(0, &all) == nil {
		runtime.UnlockOSThread() // else the thread stays this goroutine's, and ends with it
	}
	return conn, err
}

// first is the first processor of all.
func first(all *unix.CPUSet) *unix.CPUSet {
	var one unix.CPUSet
	for cpu := range len(all) * 64 {
		if all.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	return &one
}
