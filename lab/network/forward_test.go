package network

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// answerARP answers the gateway's question for a station's address.
func (s *wireStation) answerARP(m mac, addr string) {
	s.t.Helper()
	s.until(func(f []byte) bool {
		ok := f[12] == 8 && f[13] == 6 && header.ARP(f[headerLen:]).Op() == header.ARPRequest &&
			bytes.Equal(header.ARP(f[headerLen:]).ProtocolAddressTarget(), netip.MustParseAddr(addr).AsSlice())
		if ok {
			reply := arpRequest(m, netip.MustParseAddr(addr), netip.AddrFrom4([4]byte(header.ARP(f[headerLen:]).ProtocolAddressSender())))
			copy(reply, f[6:12])
			header.ARP(reply[headerLen:]).SetOp(header.ARPReply)
			copy(header.ARP(reply[headerLen:]).HardwareAddressTarget(), f[6:12])
			s.send(reply)
		}
		return ok
	})
}

// receiveIP reads the next IPv4 packet.
func (s *wireStation) receiveIP() header.IPv4 {
	s.t.Helper()
	ip, _ := ipOf(s.until(func(f []byte) bool { _, ok := ipOf(f); return ok }))
	return ip
}

func TestForward(t *testing.T) {
	narrow := dmz()
	narrow.MTU = 600
	s := newStack(t, office(), narrow)
	m, other := testMAC(10), testMAC(40)
	a, gw := wireStationOn(t, s, "office", m, "192.168.1.10")
	b := newStation(t, attach(t, s, "dmz"))

	payload := strings.Repeat("0123456789", 140)
	a.send(udpFrame(gw, m, "192.168.1.10:1", "10.9.0.5:2", payload))
	b.answerARP(other, "10.9.0.5")
	var got []byte
	for more, at := true, 0; more; {
		ip := b.receiveIP()
		if len(ip) > 600 || ip.TTL() != 63 || !ip.IsChecksumValid() || int(ip.FragmentOffset()) != at {
			t.Fatalf("a piece is % x", ip[:28])
		}
		got = append(got, ip.Payload()...)
		at, more = at+len(ip.Payload()), ip.More()
	}
	if string(got[header.UDPMinimumSize:]) != payload {
		t.Errorf("%d bytes came through", len(got))
	}

	whole := udpFrame(gw, m, "192.168.1.10:1", "10.9.0.5:2", payload)
	ip := header.IPv4(whole[headerLen:])
	ip.SetFlagsFragmentOffset(header.IPv4FlagDontFragment, 0)
	ip.SetChecksum(0)
	ip.SetChecksum(^ip.CalculateChecksum())
	a.send(whole)
	if icmp := header.ICMPv4(a.receiveIP().Payload()); icmp.Code() != header.ICMPv4FragmentationNeeded || icmp.MTU() != 600 {
		t.Errorf("got % x", icmp[:8])
	}

	last := echo(gw, m, netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("10.9.0.5"))
	ip = header.IPv4(last[headerLen:])
	a.send(last) // corrupt below: must not pass
	b.receiveIP()
	ip.SetTTL(9)
	a.send(last)
	ip.SetTTL(1)
	ip.SetChecksum(0)
	ip.SetChecksum(^ip.CalculateChecksum())
	a.send(last)
	if icmp := header.ICMPv4(a.receiveIP().Payload()); icmp.Type() != header.ICMPv4TimeExceeded {
		t.Errorf("got % x", icmp[:8])
	}
	a.send(udpFrame(gw, m, "192.168.1.10:1", "10.9.0.5:2", "end"))
	if ip := b.receiveIP(); ip.TransportProtocol() != header.UDPProtocolNumber {
		t.Errorf("a corrupt packet came through: % x", ip)
	}
}

// A flood to stations that are not there is bounded, ends, and hurts nobody.
func TestForwardToNobody(t *testing.T) {
	s := newStack(t, office(), dmz())
	m := testMAC(10)
	a, gw := wireStationOn(t, s, "office", m, "192.168.1.10")
	for i := range 4 * maxResolving {
		a.send(udpFrame(gw, m, "192.168.1.10:1", fmt.Sprintf("10.9.0.%d:9", 20+i%200), "x"))
	}
	icmp := header.ICMPv4(a.receiveIP().Payload())
	if icmp.Type() != header.ICMPv4DstUnreachable || icmp.Code() != header.ICMPv4HostUnreachable {
		t.Errorf("got % x", icmp)
	}
	eventually(t, "all is given up", func() bool { return s.gateways[1].resolving.Load() == 0 })
	a.send(echo(gw, m, netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("192.168.1.1")))
	a.until(func(f []byte) bool {
		ip, ok := ipOf(f)
		return ok && header.ICMPv4(ip.Payload()).Type() == header.ICMPv4EchoReply
	})
}

func TestFragmentKeepsWhatWasCutBefore(t *testing.T) {
	wire := udpFrame(mac{}, mac{}, "192.168.1.10:1", "10.9.0.5:2", strings.Repeat("x", 1000))
	ip := header.IPv4(wire[headerLen:])
	ip.SetFlagsFragmentOffset(header.IPv4FlagMoreFragments, 800)
	pieces := fragment(ip, 576)
	if len(pieces) != 2 || pieces[0].FragmentOffset() != 800 || !pieces[1].More() || int(pieces[1].FragmentOffset()) != 800+len(pieces[0].Payload()) {
		t.Errorf("%d pieces: % x", len(pieces), pieces[1][:20])
	}
}
