package hcl

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchlab/patchlab/lab"
)

const (
	minMTU, maxMTU, defaultMTU = 576, 9000, 1500
	minPrefix, maxPrefix       = 8, 30 // shorter is no customer's, longer has no room for a machine
)

// declareNetworks makes network.NAME known for each network block, and adds
// the networks to the lab.
func (b *builder) declareNetworks(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		n := &lab.Network{Name: block.Labels[0], Pos: posOf(block)}
		b.lab.Networks = append(b.lab.Networks, n)
		b.s.declare(&symbol{
			kind: "network", name: n.Name, needs: expressions(block.Body),
			compute: func() cty.Value {
				b.readNetwork(n, block)
				return cty.ObjectVal(map[string]cty.Value{
					"name":    cty.StringVal(n.Name),
					"subnet":  textOrUnknown(n.Subnet.String(), n.Subnet.IsValid()),
					"gateway": textOrUnknown(n.Gateway.String(), n.Gateway.IsValid()),
					"domain":  textOrUnknown(n.Domain, n.Domain != ""),
					refAttr:   cty.CapsuleVal(networkType, n),
				})
			},
		})
	}
}

// readNetwork fills n in. Subnet, Gateway and Domain stay zero where they are
// mistakes.
func (b *builder) readNetwork(n *lab.Network, block *hclsyntax.Block) {
	r := b.s.reader(block, n.Name, nil)
	n.MTU = r.number("mtu", minMTU, maxMTU, defaultMTU)
	n.Routed = r.boolean("routed", true)
	n.Subnet = r.subnet("subnet")
	n.Gateway = r.gateway("gateway", n.Subnet)
	n.Domain = r.domain("domain", n.Name+".lab")
	b.places.subnets[n] = r.rangeOf("subnet")
}

// subnet reads an IPv4 subnet; the zero Prefix when it is a mistake.
func (r *reader) subnet(name string) netip.Prefix {
	text, ok := r.str(name, "")
	if !ok {
		return netip.Prefix{}
	}
	const want = `an IPv4 subnet such as "192.168.1.0/24"`
	at := r.rangeOf(name)
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || !p.Addr().Is4():
		r.fail(at, "Invalid subnet", "%q of %s must be %s; this is %q.", name, r.what, want, text)
	case p != p.Masked():
		r.fail(at, "Invalid subnet", "%q of %s must be %s; this is %q, an address inside one.%s", name, r.what, want, text, didYouMean(p.Masked().String()))
	case p.Bits() < minPrefix || p.Bits() > maxPrefix:
		r.fail(at, "Invalid subnet", "%q of %s must have a prefix from /%d to /%d; this is %q.", name, r.what, minPrefix, maxPrefix, text)
	case !unicast(p):
		r.fail(at, "Invalid subnet", "%q of %s is %q, whose addresses machines cannot have (loopback, multicast or reserved).", name, r.what, text)
	default:
		return p
	}
	return netip.Prefix{}
}

// unicast reports whether machines can have the addresses of p.
func unicast(p netip.Prefix) bool {
	for _, text := range []string{"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"} {
		if netip.MustParsePrefix(text).Overlaps(p) {
			return false
		}
	}
	return true
}

// gateway reads the gateway's address in subnet p: the first one by default.
func (r *reader) gateway(name string, p netip.Prefix) netip.Addr {
	text, ok := r.str(name, "")
	switch {
	case !p.IsValid():
		return netip.Addr{}
	case !r.has(name):
		return p.Addr().Next()
	case !ok:
		return netip.Addr{}
	}
	return r.hostAddress(name, text, p)
}

// hostAddress reads an address that a host in p can have; the zero Addr when
// it is a mistake.
func (r *reader) hostAddress(name, text string, p netip.Prefix) netip.Addr {
	at := r.rangeOf(name)
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || !a.Is4():
		r.fail(at, "Invalid address", "%q of %s must be an IPv4 address such as %q; this is %q.", name, r.what, example(p), text)
	case !p.IsValid():
		return a // the subnet's own mistake was reported
	case !p.Contains(a):
		r.fail(at, "Address outside of the subnet", "%q of %s is %s, which is not in the subnet %s: that has %s to %s.",
			name, r.what, a, p, p.Addr().Next(), lastAddr(p).Prev())
	case a == p.Addr():
		r.fail(at, "Address of no host", "%q of %s is %s, the address of the subnet %s itself: machines have %s to %s.",
			name, r.what, a, p, p.Addr().Next(), lastAddr(p).Prev())
	case a == lastAddr(p):
		r.fail(at, "Address of no host", "%q of %s is %s, the broadcast address of the subnet %s: machines have %s to %s.",
			name, r.what, a, p, p.Addr().Next(), lastAddr(p).Prev())
	default:
		return a
	}
	return netip.Addr{}
}

// example is an address to show, in p where that is known.
func example(p netip.Prefix) string {
	if !p.IsValid() {
		return "192.168.1.10"
	}
	return nth(p.Addr(), min(10, size(p)-2)).String()
}

var domainPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// domain reads a DNS domain.
func (r *reader) domain(name, def string) string {
	if !r.has(name) {
		return def
	}
	text, ok := r.str(name, "")
	if !ok {
		return ""
	}
	if len(text) <= 200 && domainPattern.MatchString(text) {
		return text
	}
	hint := ""
	if better := strings.ToLower(strings.Trim(text, ".")); domainPattern.MatchString(better) {
		hint = didYouMean(better)
	}
	r.fail(r.rangeOf(name), "Invalid domain", "%q of %s must be a DNS domain in lower case, without a dot at its end, such as \"harbour.lan\"; this is %q.%s",
		name, r.what, text, hint)
	return ""
}
