package hcl

import (
	"crypto/sha256"
	"fmt"
	"net"
)

// checkMACs reports declared MAC addresses that are used twice, and gives the
// other NICs theirs.
func (b *builder) checkMACs(nics []nicAt) {
	taken := map[string]nicAt{}
	for _, c := range nics {
		if c.nic.MAC == nil {
			continue
		}
		mac := c.nic.MAC.String()
		if first, again := taken[mac]; again {
			b.fail(written{c.place.mac, c.many}, &first.place.mac, "MAC address used twice", fmt.Sprintf(
				"%s the MAC address %s.", both(c.m, first.m), mac))
			continue
		}
		taken[mac] = c
	}
	for _, m := range b.lab.Machines {
		for i := range m.NICs {
			if m.NICs[i].MAC == nil && !b.places.machines[m].nics[i].declared {
				m.NICs[i].MAC = b.freeMAC(taken, m.Name, i)
			}
		}
	}
}

// freeMAC derives the MAC address of the i-th NIC of a machine. It has only 24
// bits to choose from, so that among thousands two NICs can meet: the later
// one, in the order of the definition, then takes its next choice.
func (b *builder) freeMAC(taken map[string]nicAt, machine string, i int) net.HardwareAddr {
	for try := 0; ; try++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", b.lab.Name, machine, i, try))
		mac := net.HardwareAddr{0x52, 0x54, 0x00, sum[0], sum[1], sum[2]}
		if _, again := taken[mac.String()]; !again {
			taken[mac.String()] = nicAt{}
			return mac
		}
	}
}
