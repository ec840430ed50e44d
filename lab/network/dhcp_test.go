package network

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// dhcpMessage builds a client's message.
func dhcpMessage(t testing.TB, kind dhcpv4.MessageType, m mac, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	msg, err := dhcpv4.New(dhcpv4.PrependModifiers(mods, dhcpv4.WithMessageType(kind), dhcpv4.WithHwAddr(m[:]))...)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// asking is the address a client asks for, holding the one it has.
func asking(a string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(a)))
}

func holding(a string) dhcpv4.Modifier { return dhcpv4.WithClientIP(net.ParseIP(a).To4()) }

func chosen(a string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(a)))
}

func officeLeases(t testing.TB) *leases {
	t.Helper()
	c := office()
	c.Hosts = append(c.Hosts, Host{Machine: "second", MAC: testHostMAC(31)})
	l, err := newLeases(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDHCPAnswers(t *testing.T) {
	const discover, request, inform = dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform
	const offer, ack, nak, none = dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak, dhcpv4.MessageTypeNone
	tests := []struct {
		name string
		kind dhcpv4.MessageType
		mac  byte
		mods []dhcpv4.Modifier
		want dhcpv4.MessageType
		addr string
	}{
		{"declared", discover, 10, nil, offer, "192.168.1.10"},
		{"declared, asks for another", discover, 10, []dhcpv4.Modifier{asking("192.168.1.99")}, offer, "192.168.1.10"},
		{"from the pool", discover, 30, nil, offer, "192.168.1.2"},
		{"second from the pool", discover, 31, nil, offer, "192.168.1.3"},
		{"stranger", discover, 99, nil, offer, "192.168.1.4"},
		{"stranger with a wish", discover, 99, []dhcpv4.Modifier{asking("192.168.1.99")}, offer, "192.168.1.99"},
		{"stranger wants a machine's", discover, 99, []dhcpv4.Modifier{asking("192.168.1.20")}, offer, "192.168.1.4"},
		{"stranger wants the gateway's", discover, 99, []dhcpv4.Modifier{asking("192.168.1.1")}, offer, "192.168.1.4"},
		{"stranger wants broadcast", discover, 99, []dhcpv4.Modifier{asking("192.168.1.255")}, offer, "192.168.1.4"},
		{"selecting", request, 10, []dhcpv4.Modifier{asking("192.168.1.10"), chosen("192.168.1.1")}, ack, "192.168.1.10"},
		{"selecting another server", request, 10, []dhcpv4.Modifier{asking("192.168.1.10"), chosen("192.168.1.2")}, none, ""},
		{"after a reboot", request, 30, []dhcpv4.Modifier{asking("192.168.1.2")}, ack, "192.168.1.2"},
		{"after a reboot elsewhere", request, 30, []dhcpv4.Modifier{asking("10.0.0.2")}, nak, ""},
		{"renewing", request, 30, []dhcpv4.Modifier{holding("192.168.1.2")}, ack, "192.168.1.2"},
		{"renewing a wrong one", request, 30, []dhcpv4.Modifier{holding("192.168.1.20")}, nak, ""},
		{"stranger renews a free one", request, 99, []dhcpv4.Modifier{holding("192.168.1.50")}, ack, "192.168.1.50"},
		{"stranger takes a machine's", request, 99, []dhcpv4.Modifier{holding("192.168.1.20")}, nak, ""},
		{"request of nothing", request, 10, nil, none, ""},
		{"inform", inform, 10, []dhcpv4.Modifier{holding("192.168.1.10")}, ack, ""},
		{"an answer", offer, 10, nil, none, ""},
		{"relayed", discover, 10, []dhcpv4.Modifier{dhcpv4.WithGatewayIP(net.IPv4(10, 0, 0, 1))}, none, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := officeLeases(t).answer(dhcpMessage(t, tt.kind, testMAC(tt.mac), tt.mods...), time.Unix(0, 0))
			if resp == nil {
				if tt.want != none {
					t.Fatalf("no answer, want %s", tt.want)
				}
				return
			}
			got := ""
			if !resp.YourIPAddr.IsUnspecified() {
				got = resp.YourIPAddr.String()
			}
			if resp.MessageType() != tt.want || got != tt.addr {
				t.Errorf("got %s %q, want %s %q", resp.MessageType(), got, tt.want, tt.addr)
			}
			if resp.MessageType() == nak && (resp.Router() != nil || resp.SubnetMask() != nil) {
				t.Error("a refusal carries options")
			}
			if (tt.addr != "") != (resp.IPAddressLeaseTime(0) > 0) {
				t.Errorf("lease time %s", resp.IPAddressLeaseTime(0))
			}
		})
	}
}

func TestDHCPOptions(t *testing.T) {
	c := dmz()
	c.MTU = 1400
	l, err := newLeases(c)
	if err != nil {
		t.Fatal(err)
	}
	for m, router := range map[byte]bool{40: true, 11: false, 99: true} {
		resp := l.answer(dhcpMessage(t, dhcpv4.MessageTypeDiscover, testMAC(m)), time.Unix(0, 0))
		if got := len(resp.Router()) == 1; got != router {
			t.Errorf("station %d: router offered: %v, want %v", m, got, router)
		}
		mtu, _ := dhcpv4.GetUint16(dhcpv4.OptionInterfaceMTU, resp.Options)
		if resp.DNS()[0].String() != "10.9.0.254" || resp.DomainName() != "dmz.harbour.lan" || mtu != 1400 ||
			resp.SubnetMask().String() != "ffffff00" || resp.ServerIdentifier().String() != "10.9.0.254" ||
			resp.BroadcastAddress().String() != "10.9.0.255" || resp.IPAddressLeaseTime(0) != leaseTime {
			t.Errorf("station %d: %s", m, resp.Summary())
		}
	}
}

func TestDHCPReleaseAndExpiry(t *testing.T) {
	c := office()
	c.Subnet, c.Gateway = netip.MustParsePrefix("192.168.1.0/29"), netip.MustParseAddr("192.168.1.1")
	c.Hosts = c.Hosts[2:] // .2; four are left: .3 to .6
	l, err := newLeases(c)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	lease := func(m byte) string {
		offer := l.answer(dhcpMessage(t, dhcpv4.MessageTypeDiscover, testMAC(m)), now)
		if offer == nil {
			return "none"
		}
		ack := l.answer(dhcpMessage(t, dhcpv4.MessageTypeRequest, testMAC(m), asking(offer.YourIPAddr.String())), now)
		return ack.YourIPAddr.String()
	}
	for m, want := range []string{"192.168.1.3", "192.168.1.4", "192.168.1.5", "192.168.1.6", "none"} {
		if got := lease(byte(100 + m)); got != want {
			t.Errorf("stranger %d got %s, want %s", m, got, want)
		}
	}
	if got := lease(100); got != "192.168.1.3" {
		t.Errorf("asking again gave %s", got)
	}
	l.answer(dhcpMessage(t, dhcpv4.MessageTypeRelease, testMAC(100), holding("192.168.1.4")), now) // not its own
	if got := lease(104); got != "none" {
		t.Errorf("after a false release somebody got %s", got)
	}
	l.answer(dhcpMessage(t, dhcpv4.MessageTypeRelease, testMAC(101), holding("192.168.1.4")), now)
	if got := lease(104); got != "192.168.1.4" {
		t.Errorf("after a release somebody got %s", got)
	}
	now = now.Add(leaseTime + time.Second)
	if got := lease(105); got != "192.168.1.3" {
		t.Errorf("after all leases ended somebody got %s", got)
	}
	if got := lease(30); got != "192.168.1.2" {
		t.Errorf("the machine got %s", got)
	}
}

func TestDHCPDecline(t *testing.T) {
	l := officeLeases(t)
	now := time.Unix(0, 0)
	say := func(kind dhcpv4.MessageType, m byte, mods ...dhcpv4.Modifier) string {
		resp := l.answer(dhcpMessage(t, kind, testMAC(m), mods...), now)
		if resp == nil {
			return ""
		}
		return resp.YourIPAddr.String()
	}
	say(dhcpv4.MessageTypeDecline, 30, asking("192.168.1.2"))  // of the pool: gets another
	say(dhcpv4.MessageTypeDecline, 10, asking("192.168.1.10")) // declared: stays
	say(dhcpv4.MessageTypeDecline, 99, asking("192.168.1.20")) // not its own
	stranger := say(dhcpv4.MessageTypeDiscover, 99)
	say(dhcpv4.MessageTypeDecline, 99, asking(stranger))
	for m, want := range map[byte]string{30: "192.168.1.4", 31: "192.168.1.3", 10: "192.168.1.10", 20: "192.168.1.20", 99: "192.168.1.6"} {
		if got := say(dhcpv4.MessageTypeDiscover, m); got != want {
			t.Errorf("station %d is offered %s, want %s", m, got, want)
		}
	}
	if l.machineByAddr(netip.MustParseAddr("192.168.1.4")) != "desk" {
		t.Error("the new address is not known as the machine's")
	}
}

func TestDHCPStrangersAreBounded(t *testing.T) {
	c := lonely()
	l, err := newLeases(c)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	for i := range maxStrangers {
		m := mac{2, 0, 0, 0, byte(i >> 8), byte(i)}
		if l.answer(dhcpMessage(t, dhcpv4.MessageTypeDiscover, m, asking(netip.AddrFrom4([4]byte{172, 20, 100 + byte(i>>8), byte(i)}).String())), now) == nil {
			t.Fatalf("stranger %d got nothing", i)
		}
	}
	last := mac{2, 1, 1, 1, 1, 1}
	if l.answer(dhcpMessage(t, dhcpv4.MessageTypeDiscover, last), now) != nil {
		t.Error("one too many got an offer")
	}
	if l.answer(dhcpMessage(t, dhcpv4.MessageTypeDiscover, last), now.Add(2*offerTime)) == nil {
		t.Error("offers that nobody took are not forgotten")
	}
}

// The whole exchange on the wire, as a machine that boots does it.
func TestDHCPOnTheWire(t *testing.T) {
	s := newStack(t, office(), dmz())
	m := testMAC(30)
	gw := gatewayMAC(office())
	st := newStation(t, attach(t, s, "office"))
	exchange := func(f []byte) (msg *dhcpv4.DHCPv4, dst mac, to netip.Addr) {
		t.Helper()
		st.send(f)
		f = st.receive()
		ip, ok := ipOf(f)
		if !ok || !ip.IsChecksumValid() || mac(f[6:]) != gw || netipAddr(ip.SourceAddress()).String() != "192.168.1.1" {
			t.Fatalf("the answer is % x", f)
		}
		udp := header.UDP(ip.Payload())
		if udp.DestinationPort() != 68 || !udp.IsChecksumValid(ip.SourceAddress(), ip.DestinationAddress(), checksum.Checksum(udp.Payload(), 0)) {
			t.Fatalf("the answer is % x", f)
		}
		msg, err := dhcpv4.FromBytes(udp.Payload())
		if err != nil {
			t.Fatal(err)
		}
		return msg, mac(f), netipAddr(ip.DestinationAddress())
	}
	broadcast := func(msg *dhcpv4.DHCPv4) []byte {
		return udpFrame(everybody, m, "0.0.0.0:68", "255.255.255.255:67", string(msg.ToBytes()))
	}

	offer, dst, to := exchange(broadcast(dhcpMessage(t, dhcpv4.MessageTypeDiscover, m, dhcpv4.WithBroadcast(true))))
	if offer.MessageType() != dhcpv4.MessageTypeOffer || dst != everybody || to.String() != "255.255.255.255" {
		t.Errorf("%s to %s", offer, to)
	}
	request := dhcpMessage(t, dhcpv4.MessageTypeRequest, m, asking(offer.YourIPAddr.String()), chosen("192.168.1.1"))
	ack, dst, to := exchange(broadcast(request))
	if ack.MessageType() != dhcpv4.MessageTypeAck || dst != m || to.String() != "192.168.1.2" {
		t.Errorf("%s to %s", ack, to)
	}
	renew := dhcpMessage(t, dhcpv4.MessageTypeRequest, m, holding("192.168.1.2"))
	ack, dst, to = exchange(udpFrame(gw, m, "192.168.1.2:68", "192.168.1.1:67", string(renew.ToBytes())))
	if ack.MessageType() != dhcpv4.MessageTypeAck || dst != m || to.String() != "192.168.1.2" {
		t.Errorf("%s to %s", ack, to)
	}
	wrong := dhcpMessage(t, dhcpv4.MessageTypeRequest, m, holding("192.168.1.200"))
	nak, dst, to := exchange(broadcast(wrong))
	if nak.MessageType() != dhcpv4.MessageTypeNak || dst != everybody || to.String() != "255.255.255.255" {
		t.Errorf("%s to %s", nak, to)
	}
	if network, addr, ok := s.Address("desk"); !ok || network != "office" || addr.String() != "192.168.1.2" {
		t.Errorf("the machine is at %s on %s", addr, network)
	}
}

func TestNewLeasesFull(t *testing.T) {
	c := office()
	c.Subnet = netip.MustParsePrefix("192.168.1.0/30")
	c.Hosts = []Host{{Machine: "a", MAC: testHostMAC(1)}, {Machine: "b", MAC: testHostMAC(2)}}
	if _, err := New([]Config{c}, nil); err == nil {
		t.Error("two machines fit where one address is")
	}
}
