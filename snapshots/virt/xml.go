package virt

import (
	"fmt"
	"net"
	"path/filepath"

	"libvirt.org/go/libvirtxml"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// tbCacheMiB limits what emulation keeps of translated code. QEMU's own limit
// is an eighth of the host's memory for each machine.
const tbCacheMiB = 256

// DomainXML describes machine m of spec to libvirt.
func DomainXML(spec *agent.Spec, m agent.MachineSpec) (string, error) {
	if err := checkMachine(m); err != nil {
		return "", err
	}
	d := &libvirtxml.Domain{
		Type:     "qemu",
		Name:     m.Name,
		UUID:     m.UUID,
		Memory:   &libvirtxml.DomainMemory{Value: uint(m.MemoryMiB), Unit: "MiB"},
		VCPU:     &libvirtxml.DomainVCPU{Placement: "static", Value: uint(m.CPUs)},
		OS:       operatingSystem(m),
		Features: features(spec.Accel),
		CPU:      &libvirtxml.DomainCPU{Mode: "maximum", Check: "none"},
		Clock: &libvirtxml.DomainClock{Offset: "utc", Timer: []libvirtxml.DomainTimer{
			{Name: "rtc", TickPolicy: "catchup"},
			{Name: "pit", TickPolicy: "delay"},
			{Name: "hpet", Present: "no"},
		}},
		OnPoweroff: "destroy",
		OnReboot:   "restart",
		OnCrash:    "preserve", // so that the screen can still be seen
		Devices:    devices(m),
	}
	if spec.Accel == agent.AccelKVM {
		d.Type = "kvm"
		d.CPU = &libvirtxml.DomainCPU{Mode: "host-passthrough", Check: "none", Migratable: "on"}
	}
	d.QEMUCommandline = commandline(spec, m)
	doc, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("cannot describe machine %q to libvirt: %w", m.Name, err)
	}
	return doc, nil
}

func checkMachine(m agent.MachineSpec) error {
	switch {
	case m.MemoryMiB <= 0 || m.CPUs <= 0:
		return fmt.Errorf("machine %q: %d MiB of memory and %d processors", m.Name, m.MemoryMiB, m.CPUs)
	case m.Firmware != string(lab.BIOS) && m.Firmware != string(lab.UEFI):
		return fmt.Errorf("machine %q: unknown firmware %q", m.Name, m.Firmware)
	case m.Firmware == string(lab.UEFI) && m.NVRAM == "":
		return fmt.Errorf("machine %q: UEFI without a file for its variables", m.Name)
	case m.Bus != string(lab.BusVirtio) && m.Bus != string(lab.BusSATA):
		return fmt.Errorf("machine %q: unknown bus %q", m.Name, m.Bus)
	case m.NICModel != string(lab.NICVirtio) && m.NICModel != string(lab.NICE1000e):
		return fmt.Errorf("machine %q: unknown nic model %q", m.Name, m.NICModel)
	case m.RAM != nil && !filepath.IsAbs(m.RAM.Path), m.State != "" && !filepath.IsAbs(m.State):
		return fmt.Errorf("machine %q: RAM file and state need absolute paths", m.Name)
	case len(m.Disks) == 0 || len(m.Disks) > maxDisks || len(m.NICs) > maxNICs:
		return fmt.Errorf("machine %q: %d disks and %d nics; at most %d and %d", m.Name, len(m.Disks), len(m.NICs), maxDisks, maxNICs)
	}
	return nil
}

func operatingSystem(m agent.MachineSpec) *libvirtxml.DomainOS {
	os := &libvirtxml.DomainOS{
		Type:        &libvirtxml.DomainOSType{Arch: "x86_64", Machine: "q35", Type: "hvm"},
		BootDevices: []libvirtxml.DomainBootDevice{{Dev: "hd"}},
	}
	if m.Firmware == string(lab.UEFI) {
		os.Loader = &libvirtxml.DomainLoader{Path: firmwareCode, Readonly: "yes", Secure: "no", Type: "pflash"}
		os.NVRam = &libvirtxml.DomainNVRam{NVRam: m.NVRAM}
	}
	return os
}

func features(accel string) *libvirtxml.DomainFeatureList {
	f := &libvirtxml.DomainFeatureList{
		ACPI: &libvirtxml.DomainFeature{},
		APIC: &libvirtxml.DomainFeatureAPIC{},
	}
	if accel != agent.AccelKVM {
		f.TCG = &libvirtxml.DomainFeatureTCG{
			TBCache: &libvirtxml.DomainFeatureTCGTBCache{Unit: "MiB", Size: tbCacheMiB},
		}
	}
	return f
}

// commandline is what libvirt has no words for: the memory's place, the
// network, and SeaBIOS's messages on the serial port, without which "No
// bootable device" would be seen on the screen alone.
func commandline(spec *agent.Spec, m agent.MachineSpec) *libvirtxml.DomainQEMUCommandline {
	args := memory(m)
	if m.State != "" {
		args = append(args, "-incoming", "defer")
	}
	if m.Firmware == string(lab.BIOS) {
		args = append(args, "-fw_cfg", "name=etc/sercon-port,file="+quoteQEMU(serconPath(spec)))
	}
	model := "virtio-net-pci"
	if m.NICModel == string(lab.NICE1000e) {
		model = "e1000e"
	}
	for i, n := range m.NICs {
		args = append(args,
			"-netdev", fmt.Sprintf("stream,id=lan%d,server=off,addr.type=unix,addr.path=%s", i, quoteQEMU(n.Socket)),
			"-device", fmt.Sprintf("%s,netdev=lan%d,mac=%s,bus=pcie.0,addr=0x%x", model, i, net.HardwareAddr(n.MAC), firstNICSlot+i))
	}
	c := &libvirtxml.DomainQEMUCommandline{}
	for _, a := range args {
		c.Args = append(c.Args, libvirtxml.DomainQEMUCommandlineArg{Value: a})
	}
	return c
}
