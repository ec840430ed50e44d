package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// ask asks the resolver of one network and renders what it says.
func ask(t *testing.T, s *Stack, network, name string, qtype uint16) string {
	t.Helper()
	g, err := s.gateway(network)
	if err != nil {
		t.Fatal(err)
	}
	q := new(dns.Msg).SetQuestion(name, qtype)
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r := resolver{zone: s.names.zone, gateway: g, egress: s.egress}
	var resp dns.Msg
	if err := resp.Unpack(r.answer(wire, netip.MustParseAddr("192.168.1.20"), true)); err != nil {
		t.Fatal(err)
	}
	if resp.Id != q.Id || !resp.Response || resp.Question[0] != q.Question[0] {
		t.Errorf("the answer does not fit the question: %s", &resp)
	}
	out := []string{dns.RcodeToString[resp.Rcode]}
	for _, rr := range resp.Answer {
		if rr.Header().Name != name {
			t.Errorf("a record is about %s", rr.Header().Name)
		}
		fields := strings.Fields(rr.String())
		out = append(out, strings.Join(fields[3:min(5, len(fields))], " "))
	}
	if len(resp.Answer) == 0 && len(resp.Ns) == 1 {
		out = append(out, "soa "+resp.Ns[0].Header().Name)
	}
	return strings.Join(out, ", ")
}

func TestDNSAnswers(t *testing.T) {
	tests := []struct {
		network, name string
		qtype         uint16
		want          string
	}{
		{"office", "web.harbour.lan.", dns.TypeA, "NOERROR, A 192.168.1.10"},
		{"office", "WeB.HarBour.LAN.", dns.TypeA, "NOERROR, A 192.168.1.10"},
		{"office", "www.harbour.lan.", dns.TypeA, "NOERROR, A 192.168.1.10"},
		{"office", "a.b.harbour.lan.", dns.TypeA, "NOERROR, A 192.168.1.10"},
		{"office", "b.harbour.lan.", dns.TypeA, "NOERROR, soa harbour.lan."},
		{"office", "web.", dns.TypeA, "NOERROR, A 192.168.1.10"},
		{"dmz", "web.", dns.TypeA, "NOERROR, A 10.9.0.10"},
		{"dmz", "db.", dns.TypeA, "NOERROR, A 192.168.1.20"},
		{"dmz", "web.harbour.lan.", dns.TypeA, "NOERROR, A 192.168.1.10"},
		{"office", "web.dmz.harbour.lan.", dns.TypeA, "NOERROR, A 10.9.0.10"},
		{"office", "mail.dmz.harbour.lan.", dns.TypeA, "NOERROR, A 10.9.0.5"},
		{"office", "vault.lonely.lab.", dns.TypeA, "NOERROR, A 172.20.0.2"},
		{"office", "desk.harbour.lan.", dns.TypeA, "NOERROR, A 192.168.1.2"},
		{"office", "gateway.harbour.lan.", dns.TypeA, "NOERROR, A 192.168.1.1"},
		{"dmz", "gateway.", dns.TypeA, "NOERROR, A 10.9.0.254"},
		{"office", "web.harbour.lan.", dns.TypeAAAA, "NOERROR, soa harbour.lan."},
		{"office", "web.", dns.TypeAAAA, "NOERROR, soa harbour.lan."},
		{"office", "web.harbour.lan.", dns.TypeMX, "NOERROR, soa harbour.lan."},
		{"office", "web.harbour.lan.", dns.TypeANY, "NOERROR, A 192.168.1.10"},
		{"office", "harbour.lan.", dns.TypeSOA, "NOERROR, SOA gateway.harbour.lan."},
		{"office", "harbour.lan.", dns.TypeNS, "NOERROR, NS gateway.harbour.lan."},
		{"office", "harbour.lan.", dns.TypeA, "NOERROR, soa harbour.lan."},
		{"office", "dmz.harbour.lan.", dns.TypeA, "NOERROR, soa dmz.harbour.lan."},
		{"office", "nobody.harbour.lan.", dns.TypeA, "NXDOMAIN, soa harbour.lan."},
		{"office", "nobody.dmz.harbour.lan.", dns.TypeA, "NXDOMAIN, soa dmz.harbour.lan."},
		{"office", "_ldap._tcp.dc._msdcs.harbour.lan.", dns.TypeSRV, "NXDOMAIN, soa harbour.lan."},
		{"office", "web.harbour.lan.", dns.TypeAXFR, "REFUSED"},
		{"office", "10.1.168.192.in-addr.arpa.", dns.TypePTR, "NOERROR, PTR web.harbour.lan."},
		{"office", "10.1.168.192.IN-ADDR.arpa.", dns.TypePTR, "NOERROR, PTR web.harbour.lan."},
		{"office", "2.1.168.192.in-addr.arpa.", dns.TypePTR, "NOERROR, PTR desk.harbour.lan."},
		{"dmz", "1.1.168.192.in-addr.arpa.", dns.TypePTR, "NOERROR, PTR gateway.harbour.lan."},
		{"office", "10.0.9.10.in-addr.arpa.", dns.TypePTR, "NOERROR, PTR web.dmz.harbour.lan."},
		{"office", "99.1.168.192.in-addr.arpa.", dns.TypePTR, "NXDOMAIN, soa 99.1.168.192.in-addr.arpa."},
		{"office", "10.1.168.192.in-addr.arpa.", dns.TypeA, "NOERROR, soa 10.1.168.192.in-addr.arpa."},
	}
	s := newStack(t, office(), dmz(), lonely())
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s %s", tt.network, tt.name, dns.TypeToString[tt.qtype]), func(t *testing.T) {
			if got := ask(t, s, tt.network, tt.name, tt.qtype); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if e := s.Egress(); len(e) != 0 {
		t.Errorf("egress: %+v", e)
	}
}

func TestDNSEgress(t *testing.T) {
	s := newStack(t, office())
	for _, name := range []string{"deb.example.org.", "DEB.example.org.", "8.8.8.8.in-addr.arpa.", "harbour.lan.example.", "nobody.", "1.2.3.in-addr.arpa.", "."} {
		if got := ask(t, s, "office", name, dns.TypeA); got != "NXDOMAIN" {
			t.Errorf("%s: %s", name, got)
		}
	}
	var got []string
	for _, e := range s.Egress() {
		if e.Machine != "db" || e.Protocol != "dns" || e.Source.String() != "192.168.1.20" {
			t.Errorf("%+v", e)
		}
		got = append(got, fmt.Sprint(e.Count, e.To))
	}
	want := []string{"2deb.example.org", "1.", "11.2.3.in-addr.arpa", "18.8.8.8.in-addr.arpa", "1harbour.lan.example", "1nobody"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Networks may share a domain: each station sees its own side first.
func TestDNSSharedDomain(t *testing.T) {
	other := dmz()
	other.Domain = "harbour.lan"
	s := newStack(t, office(), other)
	if got := ask(t, s, "office", "web.harbour.lan.", dns.TypeA); got != "NOERROR, A 192.168.1.10, A 10.9.0.10" {
		t.Error(got)
	}
	if got := ask(t, s, "dmz", "web.", dns.TypeA); got != "NOERROR, A 10.9.0.10, A 192.168.1.10" {
		t.Error(got)
	}
}

func TestDNSMachineCalledGateway(t *testing.T) {
	c := office()
	c.Hosts[0].Machine = "gateway"
	s := newStack(t, c)
	if got := ask(t, s, "office", "gateway.", dns.TypeA); got != "NOERROR, A 192.168.1.10" {
		t.Error(got)
	}
}

func TestDNSMessages(t *testing.T) {
	s := newStack(t, office())
	r := resolver{zone: s.names.zone, gateway: s.gateways[0], egress: s.egress}
	client := netip.MustParseAddr("192.168.1.20")
	query := func(change func(m *dns.Msg)) []byte {
		m := new(dns.Msg).SetQuestion("web.harbour.lan.", dns.TypeA)
		change(m)
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	broken := query(func(*dns.Msg) {})
	tests := []struct {
		name    string
		request []byte
		rcode   int // -1: no answer
	}{
		{"empty", nil, -1},
		{"short", make([]byte, 11), -1},
		{"an answer", query(func(m *dns.Msg) { m.Response = true }), -1},
		{"cut off", broken[:len(broken)-3], dns.RcodeFormatError},
		{"no question", query(func(m *dns.Msg) { m.Question = nil }), dns.RcodeFormatError},
		{"two questions", query(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), dns.RcodeFormatError},
		{"update", query(func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }), dns.RcodeNotImplemented},
		{"chaos", query(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), dns.RcodeRefused},
		{"edns", query(func(m *dns.Msg) { m.SetEdns0(4096, true) }), dns.RcodeSuccess},
		{"edns of tomorrow", query(func(m *dns.Msg) { m.SetEdns0(4096, false); m.IsEdns0().SetVersion(1) }), dns.RcodeBadVers},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wire := r.answer(tt.request, client, true)
			if tt.rcode < 0 {
				if wire != nil {
					t.Errorf("got % x", wire)
				}
				return
			}
			var resp dns.Msg
			if err := resp.Unpack(wire); err != nil {
				t.Fatal(err)
			}
			if resp.Rcode != tt.rcode || !resp.Response {
				t.Errorf("got %s", &resp)
			}
			if strings.HasPrefix(tt.name, "edns") != (resp.IsEdns0() != nil) {
				t.Errorf("edns in the answer: %v", resp.IsEdns0())
			}
		})
	}
}

// What does not fit into a datagram says so, and comes whole over TCP.
func TestDNSTruncates(t *testing.T) {
	c := office()
	for i := range byte(100) {
		c.Hosts = append(c.Hosts, Host{Machine: "many", MAC: testHostMAC(100 + i)})
	}
	s := newStack(t, c)
	r := resolver{zone: s.names.zone, gateway: s.gateways[0], egress: s.egress}
	for _, tt := range []struct {
		edns uint16
		udp  bool
		size int
	}{{0, true, 512}, {100, true, 512}, {1000, true, 1000}, {65000, true, maxUDPReply}, {0, false, 0}} {
		q := new(dns.Msg).SetQuestion("many.harbour.lan.", dns.TypeA)
		if tt.edns > 0 {
			q.SetEdns0(tt.edns, false)
		}
		wire, _ := q.Pack()
		answer := r.answer(wire, netip.MustParseAddr("192.168.1.20"), tt.udp)
		var resp dns.Msg
		if err := resp.Unpack(answer); err != nil {
			t.Fatal(err)
		}
		if tt.udp && (len(answer) > tt.size || !resp.Truncated) || !tt.udp && (len(resp.Answer) != 100 || resp.Truncated) {
			t.Errorf("%+v: %d bytes, %d records, truncated %v", tt, len(answer), len(resp.Answer), resp.Truncated)
		}
	}
}
