package network

import (
	"encoding/binary"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// minFrame is the size short frames are padded to, as cards do.
const minFrame = 60

// newFrame returns a frame in wire format with room for size bytes, and that
// room.
func newFrame(dst, src mac, etherType tcpip.NetworkProtocolNumber, size int) (wire, body []byte) {
	n := max(headerLen+size, minFrame)
	wire = make([]byte, prefixLen+n)
	binary.BigEndian.PutUint32(wire, uint32(n)) //nolint:gosec // at most a frame
	frame := wire[prefixLen:]
	copy(frame, dst[:])
	copy(frame[6:], src[:])
	binary.BigEndian.PutUint16(frame[12:], uint16(etherType)) //nolint:gosec // 16 bits by definition
	return wire, frame[headerLen : headerLen+size]
}

// newIPv4Frame is newFrame for an IPv4 packet with size bytes behind its
// header, which it fills in.
func newIPv4Frame(dst, src mac, from, to netip.Addr, protocol tcpip.TransportProtocolNumber, size int) (wire, body []byte) {
	wire, packet := newFrame(dst, src, header.IPv4ProtocolNumber, header.IPv4MinimumSize+size)
	ip := header.IPv4(packet)
	ip.Encode(&header.IPv4Fields{
		TotalLength: uint16(len(packet)), //nolint:gosec // at most a frame
		TTL:         64,
		Protocol:    uint8(protocol), //nolint:gosec // 8 bits by definition
		SrcAddr:     tcpipAddr(from),
		DstAddr:     tcpipAddr(to),
	})
	ip.SetChecksum(^ip.CalculateChecksum())
	return wire, packet[header.IPv4MinimumSize:]
}

// newUDPFrame is a whole UDP datagram.
func newUDPFrame(dst, src mac, from, to netip.AddrPort, payload []byte) []byte {
	size := header.UDPMinimumSize + len(payload)
	wire, body := newIPv4Frame(dst, src, from.Addr(), to.Addr(), header.UDPProtocolNumber, size)
	udp := header.UDP(body)
	udp.Encode(&header.UDPFields{SrcPort: from.Port(), DstPort: to.Port(), Length: uint16(size)}) //nolint:gosec // at most a frame
	copy(udp.Payload(), payload)
	sum := pseudoChecksum(header.UDPProtocolNumber, from.Addr(), to.Addr(), size)
	udp.SetChecksum(^udp.CalculateChecksum(checksum.Checksum(payload, sum)))
	return wire
}

func pseudoChecksum(protocol tcpip.TransportProtocolNumber, from, to netip.Addr, size int) uint16 {
	return header.PseudoHeaderChecksum(protocol, tcpipAddr(from), tcpipAddr(to), uint16(size)) //nolint:gosec // at most a frame
}

// tcpipAddr converts an IPv4 address.
func tcpipAddr(a netip.Addr) tcpip.Address { return tcpip.AddrFrom4(a.As4()) }

// netipAddr converts an IPv4 address.
func netipAddr(a tcpip.Address) netip.Addr { return netip.AddrFrom4(a.As4()) }

// parseIPv4 returns the IPv4 packet at the start of b, without padding. It is
// false for what is no whole packet.
func parseIPv4(b []byte) (header.IPv4, bool) {
	ip := header.IPv4(b)
	if !ip.IsValid(len(b)) || int(ip.TotalLength()) < int(ip.HeaderLength()) {
		return nil, false
	}
	return ip[:ip.TotalLength()], true
}

// firstFragment reports whether ip starts with its transport header.
func firstFragment(ip header.IPv4) bool { return ip.FragmentOffset() == 0 }
