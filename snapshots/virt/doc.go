// Package virt runs the machines of one instance with libvirt's embedded QEMU
// driver: the process that opens it is the hypervisor daemon. It is the only
// package that uses libvirt.
//
// A machine's memory may be a file of the caller's. Then Save writes the state
// of the devices alone, and any number of machines can start from that state
// and the file, mapped privately: see memory.go and migrate.go.
//
// It makes no disks, networks or sockets, and knows of no more than one
// instance: libvirt lets a process open one root. libvirt's event loop and its
// log belong to the process; they are started with the first Open and stay.
package virt
