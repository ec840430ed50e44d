package network

import (
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// maxQuote is how much of a refused packet is sent back, so that the answer
// stays within the 576 bytes everybody must accept.
const maxQuote = 576 - header.IPv4MinimumSize - header.ICMPv4MinimumSize

// refuse tells the sender of ip at once that nobody is there: a reset for TCP,
// "destination unreachable" for the rest. Nothing is said to packets that
// must not be answered.
func (g *gateway) refuse(ip header.IPv4, sender mac, from *port) {
	if !g.mayAnswer(ip, sender, from) {
		return
	}
	if wire := g.refusal(ip, sender); wire != nil {
		g.sw.send(wire)
	}
}

// mayAnswer reports whether the sender of ip may be told what became of it:
// it is one station, this is a packet's start, and it was not told too often.
func (g *gateway) mayAnswer(ip header.IPv4, sender mac, from *port) bool {
	src := netipAddr(ip.SourceAddress())
	return !sender.group() && answerable(src) && !g.broadcast(src) && firstFragment(ip) && from.refusals.allow(time.Now())
}

// refusal is the frame that refuses ip, or nil.
func (g *gateway) refusal(ip header.IPv4, to mac) []byte {
	body := ip.Payload()
	switch ip.TransportProtocol() {
	case header.TCPProtocolNumber:
		if len(body) < header.TCPMinimumSize {
			return nil
		}
		return g.reset(ip, header.TCP(body), to)
	case header.UDPProtocolNumber:
		// What Linux turns into "connection refused", and Windows too.
		return g.unreachable(ip, header.ICMPv4PortUnreachable, to)
	case header.ICMPv4ProtocolNumber:
		if len(body) < header.ICMPv4MinimumSize || header.ICMPv4(body).Type() != header.ICMPv4Echo {
			return nil // an answer, or an error: never answered
		}
	}
	return g.unreachable(ip, header.ICMPv4AdminProhibited, to)
}

// reset is the TCP reset that a closed port gives to a segment.
func (g *gateway) reset(ip header.IPv4, seg header.TCP, to mac) []byte {
	flags := seg.Flags()
	if flags.Contains(header.TCPFlagRst) || int(seg.DataOffset()) < header.TCPMinimumSize || int(seg.DataOffset()) > len(seg) {
		return nil
	}
	fields := header.TCPFields{
		SrcPort: seg.DestinationPort(), DstPort: seg.SourcePort(),
		DataOffset: header.TCPMinimumSize, Flags: header.TCPFlagRst,
	}
	if flags.Contains(header.TCPFlagAck) {
		fields.SeqNum = seg.AckNumber()
	} else {
		fields.Flags |= header.TCPFlagAck
		fields.AckNum = seg.SequenceNumber() + uint32(len(seg.Payload())) //nolint:gosec // at most a frame
		if flags.Contains(header.TCPFlagSyn) {
			fields.AckNum++
		}
		if flags.Contains(header.TCPFlagFin) {
			fields.AckNum++
		}
	}
	src, dst := netipAddr(ip.DestinationAddress()), netipAddr(ip.SourceAddress())
	wire, body := newIPv4Frame(to, g.mac, src, dst, header.TCPProtocolNumber, header.TCPMinimumSize)
	tcp := header.TCP(body)
	tcp.Encode(&fields)
	tcp.SetChecksum(^tcp.CalculateChecksum(pseudoChecksum(header.TCPProtocolNumber, src, dst, len(body))))
	return wire
}

// unreachable is the ICMP error "destination unreachable" about ip.
func (g *gateway) unreachable(ip header.IPv4, code header.ICMPv4Code, to mac) []byte {
	return g.icmpError(ip, header.ICMPv4DstUnreachable, code, 0, to)
}

// icmpError is the frame with an ICMP error about ip.
func (g *gateway) icmpError(ip header.IPv4, kind header.ICMPv4Type, code header.ICMPv4Code, mtu int, to mac) []byte {
	quote := ip[:min(len(ip), maxQuote)]
	size := header.ICMPv4MinimumSize + len(quote)
	wire, body := newIPv4Frame(to, g.mac, g.addr, netipAddr(ip.SourceAddress()), header.ICMPv4ProtocolNumber, size)
	icmp := header.ICMPv4(body)
	icmp.SetType(kind)
	icmp.SetCode(code)
	icmp.SetMTU(uint16(mtu)) //nolint:gosec // checked before
	copy(icmp.Payload(), quote)
	icmp.SetChecksum(^checksum.Checksum(icmp, 0))
	return wire
}
