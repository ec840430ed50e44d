package virt

import (
	"strings"

	"libvirt.org/go/libvirtxml"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

const (
	// firstNICSlot is the place of a machine's first network card on the
	// PCI bus. It is fixed, and libvirt's own devices stay below it, so that
	// a guest's interface names never depend on its other devices.
	firstNICSlot = 0x10
	maxNICs      = 0x1f - firstNICSlot // slot 0x1f is the chipset's
	maxDisks     = 26                  // vda to vdz

	// firmwareCode is UEFI without secure boot.
	firmwareCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
)

// quoteQEMU writes s as a value in a list of QEMU options.
func quoteQEMU(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// devices leaves out what no guest needs: USB, sound, graphics server. The
// entropy source is virtio as well, so it is only for systems with virtio
// drivers.
//
// There is no memory balloon, nor anything else that gives a guest's memory
// back to the host (virtio-mem, free page reporting): QEMU 7.2 answers by
// punching holes into the RAM file, even where it is mapped privately, and so
// a hostile guest could destroy the memory that all forks are made of.
func devices(m agent.MachineSpec) *libvirtxml.DomainDeviceList {
	port := uint(0)
	d := &libvirtxml.DomainDeviceList{
		Disks:       disks(m),
		Controllers: []libvirtxml.DomainController{{Type: "usb", Model: "none"}},
		Serials: []libvirtxml.DomainSerial{{
			Source: &libvirtxml.DomainChardevSource{UNIX: &libvirtxml.DomainChardevSourceUNIX{
				Mode: "connect", Path: m.ConsoleSocket,
			}},
			Target: &libvirtxml.DomainSerialTarget{Type: "isa-serial", Port: &port},
		}},
		Videos: []libvirtxml.DomainVideo{{
			Model: libvirtxml.DomainVideoModel{Type: "vga", VRam: 16384, Heads: 1, Primary: "yes"},
		}},
		MemBalloon: &libvirtxml.DomainMemBalloon{Model: "none"},
		Panics:     []libvirtxml.DomainPanic{{Model: "isa"}},
	}
	if m.Bus == string(lab.BusVirtio) {
		d.RNGs = []libvirtxml.DomainRNG{{
			Model:   "virtio",
			Backend: &libvirtxml.DomainRNGBackend{Random: &libvirtxml.DomainRNGBackendRandom{Device: "/dev/urandom"}},
		}}
	}
	return d
}

func disks(m agent.MachineSpec) []libvirtxml.DomainDisk {
	prefix := "vd"
	if m.Bus == string(lab.BusSATA) {
		prefix = "sd"
	}
	var all []libvirtxml.DomainDisk
	for i, s := range m.Disks {
		d := libvirtxml.DomainDisk{
			Device: "disk",
			Driver: &libvirtxml.DomainDiskDriver{
				Name: "qemu", Type: s.Format,
				// Disks are thrown away with the instance: losing one to a
				// power cut loses nothing. Host errors stop the machine, so
				// that a full host disk is never taken for the patch's fault.
				Cache: "unsafe", Discard: "unmap", ErrorPolicy: "stop", RErrorPolicy: "stop",
			},
			Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: s.Path}},
			Target: &libvirtxml.DomainDiskTarget{Dev: prefix + string(rune('a'+i)), Bus: m.Bus},
		}
		if s.ReadOnly {
			d.ReadOnly = &libvirtxml.DomainDiskReadOnly{}
			if m.Bus == string(lab.BusSATA) {
				d.Device = "cdrom" // QEMU has no read-only SATA disk
			}
		}
		all = append(all, d)
	}
	return all
}
