package hcl

import (
	"fmt"
	"net/netip"
	"slices"

	hclv2 "github.com/hashicorp/hcl/v2"

	"github.com/patchlab/patchlab/lab"
)

// crossCheck reports what is wrong between blocks that are each right. What is
// missing because of an earlier mistake is passed over.
func (b *builder) crossCheck() {
	b.checkAny()
	b.checkNames()
	b.checkSubnets()
	nics := b.nics()
	b.checkAddresses(nics)
	b.checkRoom(nics)
	b.checkHostNames(nics)
	b.checkMACs(nics)
	b.checkOrder()
	b.checkHostKeys()
}

// checkAny reports a lab without machines.
func (b *builder) checkAny() {
	if len(b.lab.Machines) > 0 || b.doubtful {
		return
	}
	for _, y := range b.s.symbols["machine"] {
		if !y.value.IsKnown() || !y.forEach {
			return // there would be one, but for a mistake
		}
	}
	var at *hclv2.Range
	if b.lab.Name != "" {
		at = b.places.lab.Ptr()
	}
	b.d.add(at, "Lab without a machine", "The lab has no machine: it needs a machine block.", note{})
}

// checkNames reports names that for_each gave twice.
func (b *builder) checkNames() {
	machines := map[string]written{}
	for _, m := range b.lab.Machines {
		b.once(machines, "machine", m.Name, b.places.machines[m].written)
	}
	checks := map[string]written{}
	for _, c := range b.lab.Checks {
		b.once(checks, "check", c.Name, b.places.checks[c])
	}
}

func (b *builder) once(seen map[string]written, kind, name string, at written) {
	if first, again := seen[name]; again {
		b.fail(at, &first.at, "Duplicate name", fmt.Sprintf("%s %q is declared a second time: give one of the two another name.", upperFirst(kind), name))
		return
	}
	seen[name] = at
}

// checkSubnets reports networks that share addresses. Two subnets are either
// apart or one holds the other; in the order of their first addresses, the
// holder comes first.
func (b *builder) checkSubnets() {
	nets := slices.DeleteFunc(slices.Clone(b.lab.Networks), func(n *lab.Network) bool { return !n.Subnet.IsValid() })
	slices.SortStableFunc(nets, func(x, y *lab.Network) int {
		if c := x.Subnet.Addr().Compare(y.Subnet.Addr()); c != 0 {
			return c
		}
		return x.Subnet.Bits() - y.Subnet.Bits()
	})
	var widest *lab.Network
	for _, n := range nets {
		if widest == nil || !widest.Subnet.Overlaps(n.Subnet) {
			widest = n
			continue
		}
		first, second := widest, n
		if slices.Index(b.lab.Networks, first) > slices.Index(b.lab.Networks, second) {
			first, second = second, first
		}
		at := b.places.subnets[first]
		b.fail(written{b.places.subnets[second], true}, &at, "Overlapping subnets", fmt.Sprintf(
			"Network %q has %s, which shares addresses with %s of network %q. Within a lab, every network has its own.",
			second.Name, second.Subnet, first.Subnet, first.Name))
	}
}

// checkAddresses reports addresses that two NICs of a network have.
func (b *builder) checkAddresses(nics []nicAt) {
	type key struct {
		n *lab.Network
		a netip.Addr
	}
	seen := map[key]nicAt{}
	for _, c := range nics {
		if c.nic.Network == nil || !c.nic.Address.IsValid() {
			continue
		}
		k := key{c.nic.Network, c.nic.Address}
		if first, again := seen[k]; again {
			b.fail(written{c.place.address, c.many}, &first.place.address, "Address used twice", fmt.Sprintf(
				"%s the address %s on network %q.", both(c.m, first.m), k.a, k.n.Name))
			continue
		}
		seen[k] = c
	}
}

// both is the subject of a sentence on what two machines, or two NICs of one,
// have.
func both(second, first *lab.Machine) string {
	if first == second {
		return fmt.Sprintf("Two network cards of machine %q have", first.Name)
	}
	return fmt.Sprintf("Machine %q and machine %q both have", second.Name, first.Name)
}

// checkRoom reports networks with more NICs than addresses.
func (b *builder) checkRoom(nics []nicAt) {
	count := map[*lab.Network]uint64{}
	for _, c := range nics {
		if c.nic.Network != nil {
			count[c.nic.Network]++
		}
	}
	for _, n := range b.lab.Networks {
		if !n.Subnet.IsValid() {
			continue
		}
		if room := size(n.Subnet) - 3; count[n] > room { // the subnet itself, its broadcast address, the gateway
			b.fail(written{at: b.places.subnets[n]}, nil, "Network full", fmt.Sprintf(
				"Network %q has %s, where beside the gateway there is room for %d network cards; the lab has %d on it.", n.Name, n.Subnet, room, count[n]))
		}
	}
}

// hostName is a name that a machine has on a network.
type hostName struct {
	m   *lab.Machine
	nic *lab.NIC
	at  hclv2.Range
}

// checkHostNames reports DNS names that mean two machines of a network.
func (b *builder) checkHostNames(nics []nicAt) {
	seen := map[*lab.Network]map[string]hostName{}
	for _, c := range nics {
		if n := c.nic.Network; n != nil {
			if seen[n] == nil {
				seen[n] = map[string]hostName{}
			}
			// Machines' names are unique: only further names can be taken.
			seen[n][c.m.Name] = hostName{c.m, c.nic, b.places.machines[c.m].at}
		}
	}
	for _, c := range nics {
		if c.nic.Network == nil {
			continue
		}
		names := seen[c.nic.Network]
		for i, name := range c.nic.Names {
			at := c.place.names[i]
			first, again := names[name]
			if again && (first.m != c.m || first.nic == c.nic) {
				b.fail(written{at, c.many}, &first.at, "Name used twice", fmt.Sprintf(
					"The name %q of machine %q on network %q is a name of machine %q already.", name, c.m.Name, c.nic.Network.Name, first.m.Name))
				continue
			}
			names[name] = hostName{c.m, c.nic, at}
		}
	}
}
