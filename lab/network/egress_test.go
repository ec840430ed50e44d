package network

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

func TestEgressRefused(t *testing.T) {
	const me = "192.168.1.10"
	m, gw := testMAC(10), gatewayMAC(office())
	igmp := func() []byte {
		wire, _ := newIPv4Frame(gw, m, netip.MustParseAddr(me), netip.MustParseAddr("8.8.4.4"), 47, 20)
		return wire[prefixLen:]
	}
	tests := []struct {
		name, protocol, to string
		frame              []byte
		check              func(ip header.IPv4) bool
	}{
		{"tcp syn", "tcp", "203.0.113.7:443", synFrame(gw, m, me+":4000", "203.0.113.7:443", header.TCPFlagSyn), func(ip header.IPv4) bool {
			seg := header.TCP(ip.Payload())
			return seg.Flags() == header.TCPFlagRst|header.TCPFlagAck && seg.AckNumber() == 1001 && seg.SourcePort() == 443 &&
				netipAddr(ip.SourceAddress()).String() == "203.0.113.7" && seg.IsChecksumValid(ip.SourceAddress(), ip.DestinationAddress(), 0, 0)
		}},
		{"tcp in the middle", "tcp", "203.0.113.7:80", synFrame(gw, m, me+":4000", "203.0.113.7:80", header.TCPFlagAck), func(ip header.IPv4) bool {
			seg := header.TCP(ip.Payload())
			return seg.Flags() == header.TCPFlagRst && seg.SequenceNumber() == 2000
		}},
		{"udp", "udp", "8.8.8.8:53", udpFrame(gw, m, me+":5000", "8.8.8.8:53", "question"), unreachableWith(header.ICMPv4PortUnreachable)},
		{"dhcp elsewhere", "udp", "10.1.1.1:67", udpFrame(gw, m, me+":68", "10.1.1.1:67", "renew"), unreachableWith(header.ICMPv4PortUnreachable)},
		{"ping", "icmp", "1.1.1.1", echo(gw, m, netip.MustParseAddr(me), netip.MustParseAddr("1.1.1.1")), unreachableWith(header.ICMPv4AdminProhibited)},
		{"cloud metadata", "tcp", "169.254.169.254:80", synFrame(gw, m, me+":4000", "169.254.169.254:80", header.TCPFlagSyn), func(ip header.IPv4) bool {
			return header.TCP(ip.Payload()).Flags().Contains(header.TCPFlagRst)
		}},
		{"gre", "ip/47", "8.8.4.4", igmp(), unreachableWith(header.ICMPv4AdminProhibited)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStack(t, office(), dmz())
			st, _ := wireStationOn(t, s, "office", m, me)
			for range 2 {
				st.send(tt.frame)
				f := st.receive()
				ip, ok := ipOf(f)
				if !ok || !ip.IsChecksumValid() || netipAddr(ip.DestinationAddress()).String() != me || mac(f) != m || mac(f[6:]) != gw || !tt.check(ip) {
					t.Errorf("the answer is % x", f)
				}
			}
			e := s.Egress()
			if len(e) != 1 {
				t.Fatalf("egress: %+v", e)
			}
			if e[0].Machine != "web" || e[0].Source.String() != me || e[0].Protocol != tt.protocol || e[0].To != tt.to || e[0].Count != 2 || e[0].Last.Before(e[0].First) {
				t.Errorf("egress: %+v", e[0])
			}
		})
	}
}

// unreachableWith checks an ICMP error of the gateway.
func unreachableWith(code header.ICMPv4Code) func(header.IPv4) bool {
	return func(ip header.IPv4) bool {
		icmp := header.ICMPv4(ip.Payload())
		quoted, ok := header.IPv4(icmp.Payload()), len(icmp.Payload()) >= 28
		return ok && icmp.Type() == header.ICMPv4DstUnreachable && icmp.Code() == code && checksum.Checksum(icmp, 0) == 0xffff &&
			netipAddr(ip.SourceAddress()).String() == "192.168.1.1" && quoted.DestinationAddress() != ip.SourceAddress()
	}
}

// What must not be answered is recorded all the same.
func TestEgressSilence(t *testing.T) {
	s := newStack(t, office())
	m := testMAC(77) // of no machine
	st, gw := wireStationOn(t, s, "office", m, "192.168.1.77")
	reply := echo(gw, m, netip.MustParseAddr("192.168.1.77"), netip.MustParseAddr("9.9.9.9"))
	header.ICMPv4(reply[34:]).SetType(header.ICMPv4EchoReply)
	short, _ := newIPv4Frame(gw, m, netip.MustParseAddr("192.168.1.77"), netip.MustParseAddr("9.9.9.10"), header.TCPProtocolNumber, 2)
	fragment := udpFrame(gw, m, "192.168.1.77:1", "9.9.9.11:1", "rest")
	header.IPv4(fragment[headerLen:]).SetFlagsFragmentOffset(0, 64)
	st.send(
		synFrame(gw, m, "192.168.1.77:1", "9.9.9.8:1", header.TCPFlagRst),
		reply, short[prefixLen:], fragment,
		echo(gw, m, netip.MustParseAddr("192.168.1.77"), netip.MustParseAddr("192.168.1.1")),
	)
	ip, _ := ipOf(st.receive())
	if ip == nil || header.ICMPv4(ip.Payload()).Type() != header.ICMPv4EchoReply {
		t.Errorf("the first answer is % x", ip)
	}
	var got []string
	for _, e := range s.Egress() {
		if e.Machine != "" {
			t.Errorf("a stranger is taken for %q", e.Machine)
		}
		got = append(got, e.Protocol+" "+e.To)
	}
	if fmt.Sprint(got) != "[icmp 9.9.9.9 tcp 9.9.9.10 tcp 9.9.9.8:1]" {
		t.Errorf("egress: %v", got)
	}
}

// A machine that lies about its address is known by its card.
func TestEgressSpoofedSource(t *testing.T) {
	s := newStack(t, office())
	m := testMAC(20)
	st, gw := wireStationOn(t, s, "office", m, "192.168.1.20")
	st.send(synFrame(gw, m, "7.7.7.7:1", "9.9.9.8:1", header.TCPFlagSyn))
	st.receive() // refused all the same
	if e := s.Egress(); len(e) != 1 || e[0].Machine != "db" || e[0].Source.String() != "7.7.7.7" {
		t.Errorf("egress: %+v", e)
	}
}

func TestEgressLogIsBounded(t *testing.T) {
	l := newEgressLog()
	source := netip.MustParseAddr("192.168.1.10")
	for i := range maxMachineAttempts + 10 {
		l.record("noisy", source, "udp", fmt.Sprint(i))
	}
	l.record("noisy", source, "udp", "0")
	l.record("quiet", source, "dns", "example.org")
	if n := len(l.attempts()); n != maxMachineAttempts+1 || l.overflowed() != 10 {
		t.Errorf("%d attempts, %d more", n, l.overflowed())
	}
	if a := l.attempts()[0]; a.To != "0" || a.Count != 2 {
		t.Errorf("the most frequent is %+v", a)
	}
	for i := range maxAttempts {
		l.record(fmt.Sprint(i), source, "udp", "x")
	}
	if n := len(l.attempts()); n != maxAttempts {
		t.Errorf("%d attempts are kept", n)
	}
}

func TestEgressTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newEgressLog()
		first := time.Now()
		l.record("a", netip.Addr{}, "udp", "x")
		time.Sleep(time.Hour)
		l.record("a", netip.Addr{}, "udp", "x")
		if a := l.attempts()[0]; !a.First.Equal(first) || !a.Last.Equal(first.Add(time.Hour)) {
			t.Errorf("%+v", a)
		}
	})
}

func TestLimiter(t *testing.T) {
	var l limiter
	now := time.Unix(1000, 0)
	count := func() (n int) {
		for range 3 * refusalBurst {
			if l.allow(now) {
				n++
			}
		}
		return n
	}
	if n := count(); n != refusalBurst {
		t.Errorf("%d at first", n)
	}
	now = now.Add(10 * time.Millisecond)
	if n := count(); n != refusalRate/100 {
		t.Errorf("%d in 10 ms", n)
	}
	now = now.Add(time.Hour)
	if n := count(); n != refusalBurst {
		t.Errorf("%d after a rest", n)
	}
}
