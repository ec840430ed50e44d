package hcl

import (
	"net"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

// readNIC reads a nic block and notes its places in p. Network is nil, Address and MAC are
// zero where they are mistakes, or, the latter two, not declared.
func readNIC(r *reader, block *hclsyntax.Block, p *machinePlaces) lab.NIC {
	at := nicPlaces{address: r.rangeOf("address"), mac: r.rangeOf("mac"), declared: r.has("mac")}
	c := lab.NIC{Pos: posOf(block), Network: ref[lab.Network](r, "network", "network.NAME")}
	if text, ok := r.str("address", ""); ok && c.Network != nil {
		c.Address = r.hostAddress("address", text, c.Network.Subnet)
		if c.Address.IsValid() && c.Address == c.Network.Gateway {
			r.fail(r.rangeOf("address"), "Address of the gateway", "\"address\" of %s is %s, which is the gateway's on network %q.", r.what, c.Address, c.Network.Name)
		}
	}
	c.MAC = r.mac("mac")
	for _, i := range r.strs("names") {
		name := strings.ToLower(i.text())
		if len(name) > 200 || !domainPattern.MatchString(name) {
			r.fail(i.at, "Invalid name", "%q, in \"names\" of %s, cannot be a host name: that is letters, digits and hyphens, and is relative to the network's domain.", i.text(), r.what)
			continue
		}
		c.Names = append(c.Names, name)
		at.names = append(at.names, i.at)
	}
	p.nics = append(p.nics, at)
	return c
}

// mac reads an Ethernet address of one station; nil when it is a mistake or
// not declared.
func (r *reader) mac(name string) net.HardwareAddr {
	text, ok := r.str(name, "")
	if !ok {
		return nil
	}
	mac, err := net.ParseMAC(text)
	switch {
	case err != nil || len(mac) != 6:
		r.fail(r.rangeOf(name), "Invalid MAC address", "%q of %s must be six bytes, such as \"52:54:00:12:34:56\"; this is %q.", name, r.what, text)
	case mac[0]&1 == 1:
		r.fail(r.rangeOf(name), "Invalid MAC address", "%q of %s is %q, a multicast address: the first byte of a machine's is even.", name, r.what, text)
	case mac.String() == "00:00:00:00:00:00":
		r.fail(r.rangeOf(name), "Invalid MAC address", "%q of %s is all zeros, which no network card has.", name, r.what)
	default:
		return mac
	}
	return nil
}
