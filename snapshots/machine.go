package snapshots

import (
	"fmt"
	"path/filepath"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/network"
)

// networkConfigs describes a lab's networks with all that is attached.
func networkConfigs(l *lab.Lab) []network.Config {
	var out []network.Config
	for _, n := range l.Networks {
		c := network.Config{
			Name: n.Name, Subnet: n.Subnet, Gateway: n.Gateway,
			Domain: n.Domain, MTU: n.MTU, Routed: n.Routed,
		}
		for _, m := range l.Machines {
			for i, nic := range m.NICs {
				if nic.Network != n {
					continue
				}
				c.Hosts = append(c.Hosts, network.Host{
					Machine: m.Name, MAC: network.MAC(nic.MAC), Address: nic.Address,
					Names: nic.Names, Default: i == 0,
				})
			}
		}
		out = append(out, c)
	}
	return out
}

// machineSpec describes machine m, the index-th of its lab, without disks,
// memory and UUID.
// Sockets are named by number: their paths are short of bytes.
func machineSpec(s *agent.Spec, index int, m *lab.Machine) agent.MachineSpec {
	spec := agent.MachineSpec{
		Name: m.Name, OS: string(m.Image.OS),
		MemoryMiB: m.MemoryMiB, CPUs: m.CPUs,
		Firmware: string(m.Firmware), Bus: string(m.Bus), NICModel: string(m.NICModel),
		ConsoleSocket: filepath.Join(s.RunDir, fmt.Sprintf("m%d.con", index)),
		ConsoleLog:    filepath.Join(s.Dir, "console-"+m.Name+".log"),
	}
	for i, nic := range m.NICs {
		spec.NICs = append(spec.NICs, agent.NICSpec{
			Network: nic.Network.Name, MAC: network.MAC(nic.MAC),
			Socket: filepath.Join(s.RunDir, fmt.Sprintf("m%dn%d.sock", index, i)),
		})
	}
	return spec
}
