package network

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// arpRequest asks who has an address.
func arpRequest(sender mac, from, target netip.Addr) []byte {
	f := etherFrame(everybody, sender, uint16(header.ARPProtocolNumber), headerLen+header.ARPSize, 0)
	arp := header.ARP(f[headerLen:])
	arp.SetIPv4OverEthernet()
	arp.SetOp(header.ARPRequest)
	copy(arp.HardwareAddressSender(), sender[:])
	copy(arp.ProtocolAddressSender(), from.AsSlice())
	copy(arp.ProtocolAddressTarget(), target.AsSlice())
	return f
}

// isARPReply recognises an answer and returns the hardware address in it.
func isARPReply(f []byte) (mac, bool) {
	if binary.BigEndian.Uint16(f[12:]) != uint16(header.ARPProtocolNumber) {
		return mac{}, false
	}
	arp := header.ARP(f[headerLen:])
	if arp.Op() != header.ARPReply {
		return mac{}, false
	}
	return mac(arp.HardwareAddressSender()), true
}

// ipOf returns the IPv4 packet in a frame.
func ipOf(f []byte) (header.IPv4, bool) {
	if binary.BigEndian.Uint16(f[12:]) != uint16(header.IPv4ProtocolNumber) {
		return nil, false
	}
	return parseIPv4(f[headerLen:])
}

// echo is a ping.
func echo(dst, src mac, from, to netip.Addr) []byte {
	wire, body := newIPv4Frame(dst, src, from, to, header.ICMPv4ProtocolNumber, header.ICMPv4MinimumSize+8)
	icmp := header.ICMPv4(body)
	icmp.SetType(header.ICMPv4Echo)
	icmp.SetIdent(7)
	icmp.SetChecksum(^checksum.Checksum(icmp, 0))
	return wire[prefixLen:]
}

// udpFrame is a datagram without the length before it.
func udpFrame(dst, src mac, from, to string, payload string) []byte {
	return newUDPFrame(dst, src, netip.MustParseAddrPort(from), netip.MustParseAddrPort(to), []byte(payload))[prefixLen:]
}

// synFrame is the first segment of a TCP connection.
func synFrame(dst, src mac, from, to string, flags header.TCPFlags) []byte {
	a, b := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	wire, body := newIPv4Frame(dst, src, a.Addr(), b.Addr(), header.TCPProtocolNumber, header.TCPMinimumSize)
	tcp := header.TCP(body)
	tcp.Encode(&header.TCPFields{SrcPort: a.Port(), DstPort: b.Port(), SeqNum: 1000, AckNum: 2000, DataOffset: 20, Flags: flags, WindowSize: 1000})
	tcp.SetChecksum(^tcp.CalculateChecksum(pseudoChecksum(header.TCPProtocolNumber, a.Addr(), b.Addr(), len(body))))
	return wire[prefixLen:]
}

// wireStationOn attaches a station to a network whose gateway knows it.
func wireStationOn(t *testing.T, s *Stack, network string, m mac, addr string) (*wireStation, mac) {
	t.Helper()
	g, err := s.gateway(network)
	if err != nil {
		t.Fatal(err)
	}
	st := newStation(t, attach(t, s, network))
	st.send(arpRequest(m, netip.MustParseAddr(addr), g.addr))
	st.until(func(f []byte) bool {
		if binary.BigEndian.Uint16(f[12:]) == uint16(header.ARPProtocolNumber) && header.ARP(f[headerLen:]).Op() == header.ARPRequest {
			return false
		}
		_, ok := isARPReply(f)
		return ok
	})
	return st, g.mac
}

func TestGatewayAnswersARP(t *testing.T) {
	s := newStack(t, office(), dmz())
	st := newStation(t, attach(t, s, "office"))
	me := netip.MustParseAddr("192.168.1.10")
	// Neither a foreign address nor another network's gateway is answered for.
	st.send(arpRequest(testMAC(10), me, netip.MustParseAddr("8.8.8.8")),
		arpRequest(testMAC(10), me, netip.MustParseAddr("10.9.0.254")),
		arpRequest(testMAC(10), me, netip.MustParseAddr("192.168.1.20")),
		arpRequest(testMAC(10), me, netip.MustParseAddr("192.168.1.1")))
	f := st.receive()
	m, ok := isARPReply(f)
	if !ok || m != gatewayMAC(office()) || len(f) != minFrame {
		t.Errorf("got % x", f)
	}
	if !strings.HasPrefix(MAC(m[:]).String(), "52:54:00:") {
		t.Errorf("the gateway has %s", MAC(m[:]))
	}
}

func TestGatewayMACAvoidsMachines(t *testing.T) {
	c := office()
	first := gatewayMAC(c)
	if first != gatewayMAC(office()) {
		t.Error("the address is not stable")
	}
	c.Hosts = append(c.Hosts, Host{Machine: "x", MAC: first[:]})
	if gatewayMAC(c) == first {
		t.Error("gateway and machine have the same address")
	}
}

func TestGatewayAnswersPing(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	m := testMAC(10)
	st, gw := wireStationOn(t, s, "office", m, "192.168.1.10")
	me := netip.MustParseAddr("192.168.1.10")
	for _, to := range []string{"192.168.1.1", "10.9.0.254"} { // the gateway, and itself on a routed network
		st.send(echo(gw, m, me, netip.MustParseAddr(to)))
		f := st.until(func(f []byte) bool { _, ok := ipOf(f); return ok })
		ip, _ := ipOf(f)
		if src := netipAddr(ip.SourceAddress()).String(); src != to || header.ICMPv4(ip.Payload()).Type() != header.ICMPv4EchoReply {
			t.Errorf("%s answered % x", src, ip)
		}
	}
	if e := s.Egress(); len(e) != 0 {
		t.Errorf("egress: %+v", e)
	}
}

// The gateway neither answers for addresses that are not its own nor lets
// wrong packets through.
func TestGatewayKeepsQuiet(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	m := testMAC(10)
	st, gw := wireStationOn(t, s, "office", m, "192.168.1.10")
	other, _ := wireStationOn(t, s, "dmz", testMAC(40), "10.9.0.5")
	me, gateway := netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("192.168.1.1")
	mail := netip.MustParseAddr("10.9.0.5")
	spoof := netip.MustParseAddr
	tagged := etherFrame(gw, m, 0x8100, 100, 0)
	st.send(
		echo(everybody, m, me, spoof("255.255.255.255")),
		echo(everybody, m, me, spoof("192.168.1.255")),
		echo(gw, m, me, spoof("192.168.1.255")),
		echo(gw, m, me, spoof("10.9.0.255")),
		echo(gw, m, me, spoof("224.0.0.1")),
		echo(everybody, m, me, spoof("8.8.8.8")),
		echo(gw, m, spoof("8.8.8.8"), gateway),            // from nowhere
		echo(gw, m, spoof("8.8.8.8"), mail),               // from nowhere
		echo(gw, m, spoof("172.20.0.2"), mail),            // from a network that is not routed
		echo(gw, m, gateway, mail),                        // from the gateway itself
		echo(gw, m, spoof("10.9.0.254"), mail),            // from the gateway itself
		echo(gw, m, spoof("192.168.1.255"), mail),         // from everybody
		echo(gw, m, spoof("224.0.0.1"), spoof("9.9.9.9")), // a group: recorded, never answered
		tagged,
		etherFrame(gw, m, 0x86dd, 100, 0x60),
		etherFrame(gw, m, 0x0800, 14, 0),
		etherFrame(gw, m, 0x0800, 60, 0xff),
		etherFrame(gw, m, 0x0806, 30, 0xff),
		echo(gw, m, me, gateway),
	)
	f := st.receive()
	ip, ok := ipOf(f)
	if !ok || header.ICMPv4(ip.Payload()).Type() != header.ICMPv4EchoReply || netipAddr(ip.DestinationAddress()) != me {
		t.Errorf("the first answer is % x", f)
	}
	st.send(echo(gw, m, me, mail)) // may pass
	f = other.until(func(f []byte) bool { _, ok := ipOf(f); return ok })
	if ip, _ := ipOf(f); netipAddr(ip.SourceAddress()) != me {
		t.Errorf("the first packet that came through is % x", ip)
	}
}

// Between networks that are not both routed nothing passes, and it is no
// egress.
func TestNotRouted(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	for _, tt := range []struct{ network, from, to string }{
		{"office", "192.168.1.10", "172.20.0.2"},
		{"office", "192.168.1.10", "172.20.0.1"},
		{"lonely", "172.20.0.2", "192.168.1.10"},
		{"lonely", "172.20.0.2", "192.168.1.1"},
	} {
		m := testMAC(10)
		st, gw := wireStationOn(t, s, tt.network, m, tt.from)
		st.send(synFrame(gw, m, tt.from+":4000", tt.to+":80", header.TCPFlagSyn))
		f := st.until(func(f []byte) bool { _, ok := ipOf(f); return ok })
		ip, _ := ipOf(f)
		if !header.TCP(ip.Payload()).Flags().Contains(header.TCPFlagRst) {
			t.Errorf("%s to %s: % x", tt.from, tt.to, f)
		}
	}
	if e := s.Egress(); len(e) != 0 {
		t.Errorf("egress: %+v", e)
	}
}

// Two instances with the same networks don't hear each other.
func TestTwoStacksWithTheSameSubnet(t *testing.T) {
	one, two := newStack(t, office()), newStack(t, office())
	a, _ := wireStationOn(t, one, "office", testMAC(10), "192.168.1.10")
	b, _ := wireStationOn(t, two, "office", testMAC(10), "192.168.1.10")
	first, second := etherFrame(everybody, testMAC(20), 0x88b5, 60, 1), etherFrame(everybody, testMAC(20), 0x88b5, 60, 2)
	newStation(t, attach(t, one, "office")).send(first)
	newStation(t, attach(t, two, "office")).send(second)
	if f := a.receive(); !bytes.Equal(f, first) {
		t.Errorf("the first heard % x", f)
	}
	if f := b.receive(); !bytes.Equal(f, second) {
		t.Errorf("the second heard % x", f)
	}
}

func TestPortUnreachableOfTheGateway(t *testing.T) {
	s := newStack(t, office())
	m := testMAC(10)
	st, gw := wireStationOn(t, s, "office", m, "192.168.1.10")
	st.send(synFrame(gw, m, "192.168.1.10:4000", "192.168.1.1:80", header.TCPFlagSyn))
	ip, _ := ipOf(st.receive())
	if ip == nil || ip.TransportProtocol() != header.TCPProtocolNumber || !header.TCP(ip.Payload()).Flags().Contains(header.TCPFlagRst) {
		t.Errorf("a closed TCP port answered % x", ip)
	}
	st.send(udpFrame(gw, m, "192.168.1.10:4000", "192.168.1.1:123", "x"))
	ip, _ = ipOf(st.receive())
	if ip == nil || ip.TransportProtocol() != header.ICMPv4ProtocolNumber || header.ICMPv4(ip.Payload()).Code() != header.ICMPv4PortUnreachable {
		t.Errorf("a closed UDP port answered % x", ip)
	}
	if e := s.Egress(); len(e) != 0 {
		t.Errorf("egress: %+v", e)
	}
}
