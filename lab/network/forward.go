package network

import (
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// maxResolving is how many packets for one network may wait at once for their
// receiver's hardware address.
const maxResolving = 256

// forward passes a packet on to a station of network out. Packets are routed
// here and not by the netstack, which reads a packet's header after it has
// given its memory back, and panics where a link fails in a way it does not
// know. It is asked for hardware addresses alone.
func (g *gateway) forward(ip header.IPv4, sender mac, from *port, out *gateway) {
	if !ip.IsChecksumValid() {
		return
	}
	if ip.TTL() <= 1 {
		g.complain(ip, sender, from, header.ICMPv4TimeExceeded, header.ICMPv4TTLExceeded, 0)
		return
	}
	if len(ip) > out.cfg.MTU && ip.Flags()&header.IPv4FlagDontFragment != 0 {
		g.complain(ip, sender, from, header.ICMPv4DstUnreachable, header.ICMPv4FragmentationNeeded, out.cfg.MTU)
		return
	}
	if out.resolving.Add(1) > maxResolving {
		out.resolving.Add(-1)
		return
	}
	ip = slices.Clone(ip) // the receiver's address may take a while
	// The callback may run under the netstack's locks: it only sends frames.
	_ = g.net.GetLinkAddress(out.id, ip.DestinationAddress(), tcpipAddr(out.addr), ipv4.ProtocolNumber, func(r stack.LinkResolutionResult) {
		out.resolving.Add(-1)
		if r.Err != nil || len(r.LinkAddress) != len(mac{}) {
			g.complain(ip, sender, from, header.ICMPv4DstUnreachable, header.ICMPv4HostUnreachable, 0)
			return
		}
		out.pass(ip, mac([]byte(r.LinkAddress)))
	})
}

// pass sends a packet on its last hop, in as many pieces as the MTU asks for.
func (g *gateway) pass(ip header.IPv4, to mac) {
	ip.SetTTL(ip.TTL() - 1)
	for _, piece := range fragment(ip, g.cfg.MTU) {
		piece.SetChecksum(0)
		piece.SetChecksum(^piece.CalculateChecksum())
		wire, body := newFrame(to, g.mac, header.IPv4ProtocolNumber, len(piece))
		copy(body, piece)
		g.sw.send(wire)
	}
}

// fragment cuts a packet so that no piece is longer than mtu. The pieces'
// checksums are not valid.
func fragment(ip header.IPv4, mtu int) []header.IPv4 {
	if len(ip) <= mtu {
		return []header.IPv4{ip}
	}
	head, body := ip[:ip.HeaderLength()], ip.Payload()
	size := (mtu - len(head)) &^ 7
	var pieces []header.IPv4
	for at := 0; at < len(body); at += size {
		part := body[at:min(at+size, len(body))]
		piece := slices.Concat(head, part)
		flags := ip.Flags()
		if at+len(part) < len(body) {
			flags |= header.IPv4FlagMoreFragments
		}
		piece.SetTotalLength(uint16(len(piece))) //nolint:gosec // shorter than ip
		piece.SetFlagsFragmentOffset(flags, ip.FragmentOffset()+uint16(at))
		pieces = append(pieces, piece)
	}
	return pieces
}

// complain tells the sender of ip by ICMP why it did not get through, where
// it may be told. Mtu is the one of the next hop, 0 when that is not the
// cause.
func (g *gateway) complain(ip header.IPv4, sender mac, from *port, kind header.ICMPv4Type, code header.ICMPv4Code, mtu int) {
	if isICMPError(ip) || !g.mayAnswer(ip, sender, from) {
		return
	}
	g.sw.send(g.icmpError(ip, kind, code, mtu, sender))
}

// isICMPError reports whether ip carries an ICMP error, or too little to tell.
func isICMPError(ip header.IPv4) bool {
	if ip.TransportProtocol() != header.ICMPv4ProtocolNumber {
		return false
	}
	body := header.ICMPv4(ip.Payload())
	if len(body) < header.ICMPv4MinimumSize {
		return true
	}
	switch body.Type() {
	case header.ICMPv4DstUnreachable, header.ICMPv4SrcQuench, header.ICMPv4Redirect, header.ICMPv4TimeExceeded, header.ICMPv4ParamProblem:
		return true
	}
	return false
}

// owner returns the gateway that has address a, or nil.
func (g *gateway) owner(a netip.Addr) *gateway {
	for _, o := range g.all {
		if o.addr == a {
			return o
		}
	}
	return nil
}

// networkOf returns the lab's network that a is on, or nil.
func (g *gateway) networkOf(a netip.Addr) *gateway {
	for _, o := range g.all {
		if o.cfg.Subnet.Contains(a) {
			return o
		}
	}
	return nil
}
