package virt

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/network"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func exampleMachine() agent.MachineSpec {
	return agent.MachineSpec{
		Name: "web", UUID: "6f1d3c5a-0000-4000-8000-000000000001", OS: "linux",
		MemoryMiB: 512, CPUs: 2, Firmware: "bios", Bus: "virtio", NICModel: "virtio",
		Disks: []agent.DiskSpec{
			{Path: "/i/web.qcow2", Format: "qcow2"},
			{Path: "/i/web-data, 1.qcow2", Format: "qcow2"},
			{Path: "/i/cidata.iso", Format: "raw", ReadOnly: true},
		},
		NICs: []agent.NICSpec{
			{Network: "office", MAC: network.MAC{0x52, 0x54, 0, 0, 0, 1}, Socket: "/r/n0"},
			{Network: "dmz", MAC: network.MAC{0x52, 0x54, 0, 0, 0, 2}, Socket: "/r/n,1"},
		},
		ConsoleSocket: "/r/c0", ConsoleLog: "/i/web.log",
	}
}

func TestDomainXML(t *testing.T) {
	for _, firmware := range []string{"bios", "uefi"} {
		for _, bus := range []string{"virtio", "sata"} {
			for _, nic := range []string{"virtio", "e1000e"} {
				for _, accel := range []string{agent.AccelKVM, agent.AccelTCG} {
					name := strings.Join([]string{firmware, bus, nic, accel}, "-")
					t.Run(name, func(t *testing.T) {
						m := exampleMachine()
						m.Firmware, m.Bus, m.NICModel = firmware, bus, nic
						if firmware == "uefi" {
							m.NVRAM = "/i/web.vars"
						}
						golden(t, name, &agent.Spec{RunDir: "/r", Accel: accel}, m)
					})
				}
			}
		}
	}
}

// TestDomainXMLMemory is about where the memory lives and what is in it.
func TestDomainXMLMemory(t *testing.T) {
	for name, m := range map[string]agent.MachineSpec{
		"ram-shared":  {RAM: &agent.RAMSpec{Path: "/l/web, 1.ram", Shared: true}},
		"ram-fork":    {RAM: &agent.RAMSpec{Path: "/l/web.ram"}, State: "/l/web.state"},
		"state-whole": {State: "/l/web.whole"},
	} {
		t.Run(name, func(t *testing.T) {
			full := exampleMachine()
			full.RAM, full.State = m.RAM, m.State
			golden(t, name, &agent.Spec{RunDir: "/r", Accel: agent.AccelTCG}, full)
		})
	}
}

func golden(t *testing.T, name string, spec *agent.Spec, m agent.MachineSpec) {
	t.Helper()
	got, err := DomainXML(spec, m)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".xml")
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got+"\n"); diff != "" {
		t.Errorf("differs from %s:\n%s", path, diff)
	}
}

func TestDomainXMLRefuses(t *testing.T) {
	for want, harm := range map[string]func(*agent.MachineSpec){
		"0 processors":            func(m *agent.MachineSpec) { m.CPUs = 0 },
		`unknown firmware ""`:     func(m *agent.MachineSpec) { m.Firmware = "" },
		"without a file":          func(m *agent.MachineSpec) { m.Firmware = "uefi" },
		`unknown bus "scsi"`:      func(m *agent.MachineSpec) { m.Bus = "scsi" },
		`unknown nic model "ne2"`: func(m *agent.MachineSpec) { m.NICModel = "ne2" },
		"RAM file and state":      func(m *agent.MachineSpec) { m.RAM = &agent.RAMSpec{Path: "ram"} },
		"need absolute paths":     func(m *agent.MachineSpec) { m.State = "state" },
		"0 disks":                 func(m *agent.MachineSpec) { m.Disks = nil },
		"16 nics; at most":        func(m *agent.MachineSpec) { m.NICs = make([]agent.NICSpec, 16) },
	} {
		m := exampleMachine()
		harm(&m)
		if _, err := DomainXML(&agent.Spec{}, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}
