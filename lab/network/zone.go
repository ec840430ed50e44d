package network

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// zone is what DNS knows: the names of a lab's machines and gateways on each
// of its networks. Names are fully qualified and in lower case.
type zone struct {
	gateways []*gateway
	names    map[string][]station // in the order of the configuration
	parents  map[string]bool      // names that have none themselves but others below them
}

// station is a NIC on a network, or its gateway.
type station struct {
	gateway *gateway
	host    int // index in the network's Hosts; -1 for the gateway
}

func (s station) address() netip.Addr {
	if s.host < 0 {
		return s.gateway.addr
	}
	return s.gateway.leases.address(s.host)
}

func newZone(gateways []*gateway) *zone {
	z := &zone{gateways: gateways, names: make(map[string][]station), parents: make(map[string]bool)}
	for _, g := range gateways {
		for i, h := range g.cfg.Hosts {
			for _, name := range append([]string{h.Machine}, h.Names...) {
				z.add(g, name, station{gateway: g, host: i})
			}
		}
	}
	for _, g := range gateways {
		if len(z.names[g.qualify("gateway")]) == 0 { // a machine of that name goes first
			z.add(g, "gateway", station{gateway: g, host: -1})
		}
	}
	return z
}

func (z *zone) add(g *gateway, name string, s station) {
	fqdn := g.qualify(name)
	if !slices.Contains(z.names[fqdn], s) {
		z.names[fqdn] = append(z.names[fqdn], s)
	}
	for parent := fqdn; dns.IsSubDomain(g.domain(), parent) && parent != g.domain(); {
		i, _ := dns.NextLabel(parent, 0)
		parent = parent[i:]
		z.parents[parent] = true
	}
}

// domain is the network's domain, fully qualified and in lower case.
func (g *gateway) domain() string { return dns.CanonicalName(g.cfg.Domain) }

// qualify returns a name of this network's domain.
func (g *gateway) qualify(name string) string {
	return dns.CanonicalName(strings.TrimSuffix(name, ".") + "." + g.cfg.Domain)
}

// lookup returns who has a fully qualified name in lower case, as seen on g's
// network, and whether the name exists at all. A single label is a name of
// this network's domain or else of another's. Where networks share a domain,
// this network's stations come first.
func (z *zone) lookup(g *gateway, name string) (stations []station, exists bool) {
	if dns.CountLabel(name) == 1 {
		for _, o := range append([]*gateway{g}, z.gateways...) {
			if found := z.names[o.qualify(name)]; len(found) > 0 {
				return z.nearFirst(g, found), true
			}
		}
	}
	found := z.names[name]
	return z.nearFirst(g, found), len(found) > 0 || z.parents[name]
}

func (z *zone) nearFirst(g *gateway, stations []station) []station {
	stations = slices.Clone(stations)
	slices.SortStableFunc(stations, func(a, b station) int {
		switch near := a.gateway == g; {
		case near == (b.gateway == g):
			return 0
		case near:
			return -1
		}
		return 1
	})
	return stations
}

// addresses returns the addresses of a name as DNS gives them on g's network.
func (z *zone) addresses(g *gateway, name string) []netip.Addr {
	stations, _ := z.lookup(g, dns.CanonicalName(name))
	addrs := make([]netip.Addr, len(stations))
	for i, s := range stations {
		addrs[i] = s.address()
	}
	return addrs
}

// apex returns the network in whose domain a name is, the nearest first, or
// nil.
func (z *zone) apex(g *gateway, name string) *gateway {
	var best *gateway
	for _, o := range append([]*gateway{g}, z.gateways...) {
		if dns.IsSubDomain(o.domain(), name) && (best == nil || dns.CountLabel(o.domain()) > dns.CountLabel(best.domain())) {
			best = o
		}
	}
	return best
}

// reverse returns the name for an address, and the network it belongs to. The
// name is empty when nobody has it, the network nil outside the lab.
func (z *zone) reverse(a netip.Addr) (name string, g *gateway) {
	for _, g := range z.gateways {
		if !g.cfg.Subnet.Contains(a) {
			continue
		}
		if a == g.addr {
			return g.qualify("gateway"), g
		}
		if machine := g.leases.machineByAddr(a); machine != "" {
			return g.qualify(machine), g
		}
		return "", g
	}
	return "", nil
}

// arpaAddr returns the IPv4 address of a complete name of in-addr.arpa, or
// the zero Addr.
func arpaAddr(name string) netip.Addr {
	labels, ok := strings.CutSuffix(name, ".in-addr.arpa.")
	if !ok {
		return netip.Addr{}
	}
	parts := strings.Split(labels, ".")
	slices.Reverse(parts)
	a, err := netip.ParseAddr(strings.Join(parts, "."))
	if err != nil || !a.Is4() {
		return netip.Addr{}
	}
	return a
}
