package network

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/miekg/dns"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// FuzzFrame writes anything to a port of a switch with a gateway, as a hostile
// machine may. Afterwards the gateway must still answer others, nothing may
// have gone out that is no frame, and no frame may have come back to the port
// that is not the gateway's.
func FuzzFrame(f *testing.F) {
	m, gw := testMAC(10), gatewayMAC(office())
	me, gateway := netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("192.168.1.1")
	discover, _ := dhcpv4.NewDiscovery(m[:])
	question, _ := new(dns.Msg).SetQuestion("web.", dns.TypeA).Pack()
	for _, frames := range [][][]byte{
		{arpRequest(m, me, gateway)},
		{echo(gw, m, me, gateway), echo(gw, m, me, netip.MustParseAddr("8.8.8.8"))},
		{echo(gw, m, me, netip.MustParseAddr("10.9.0.5")), echo(gw, m, me, netip.MustParseAddr("172.20.0.2"))},
		{synFrame(gw, m, "192.168.1.10:1", "192.168.1.1:53", header.TCPFlagSyn)},
		{synFrame(gw, m, "192.168.1.10:1", "1.2.3.4:53", header.TCPFlagSyn|header.TCPFlagFin)},
		{udpFrame(everybody, m, "0.0.0.0:68", "255.255.255.255:67", string(discover.ToBytes()))},
		{udpFrame(gw, m, "192.168.1.10:5000", "192.168.1.1:53", string(question))},
		{etherFrame(everybody, m, 0x86dd, 80, 0x60), etherFrame(gw, gw, 0x8100, 1518, 1), {}, make([]byte, 13)},
	} {
		var wire []byte
		for _, frame := range frames {
			wire = append(wire, wireOf(frame)...)
		}
		f.Add(wire)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	s := newStack(f, office(), dmz(), lonely())
	f.Fuzz(func(t *testing.T, wire []byte) {
		// A valid frame's length is hard to guess: the bytes come as one
		// frame, and then as a stream of them.
		for _, sent := range [][]byte{wireOf(wire), wire} {
			conn := &memoryConn{in: bytes.NewReader(sent)}
			ended, err := s.Attach("office", conn)
			if err != nil {
				t.Fatal(err)
			}
			for range ended { // any reason will do
			}
			for out := conn.written(); len(out) > 0; {
				frame, err := readFrame(bytes.NewReader(out))
				if err != nil || len(frame) < headerLen || len(frame) > 1518 {
					t.Fatalf("%d bytes came out: %v", len(frame), err)
				}
				out = out[prefixLen+len(frame):]
			}
		}
		if s.gateways[0].resolving.Load() < 0 || s.gateways[1].resolving.Load() < 0 {
			t.Fatal("more packets were resolved than waited")
		}
	})
}

// memoryConn is a connection whose other side said all it has to say.
type memoryConn struct {
	in     *bytes.Reader
	closed atomic.Bool
	out    safeBuffer
}

func (c *memoryConn) Read(b []byte) (int, error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	return c.in.Read(b)
}

func (c *memoryConn) Write(b []byte) (int, error) {
	if c.closed.Load() {
		return 0, io.ErrClosedPipe
	}
	return c.out.Write(b)
}

func (c *memoryConn) written() []byte                  { return c.out.Bytes() }
func (c *memoryConn) Close() error                     { c.closed.Store(true); return nil }
func (*memoryConn) LocalAddr() net.Addr                { return &net.UnixAddr{} }
func (*memoryConn) RemoteAddr() net.Addr               { return &net.UnixAddr{} }
func (*memoryConn) SetDeadline(time.Time) error        { return nil }
func (*memoryConn) SetReadDeadline(t time.Time) error  { return nil }
func (*memoryConn) SetWriteDeadline(t time.Time) error { return nil }

// FuzzDHCP gives the DHCP server anything. What it answers must be a reply
// for an address that is free or the client's own.
func FuzzDHCP(f *testing.F) {
	for _, kind := range []dhcpv4.MessageType{
		dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform,
		dhcpv4.MessageTypeRelease, dhcpv4.MessageTypeDecline,
	} {
		for _, m := range []byte{10, 30, 99} {
			f.Add(dhcpMessage(f, kind, testMAC(m), asking("192.168.1.2")).ToBytes(), dhcpMessage(f, kind, testMAC(m), holding("192.168.1.50")).ToBytes())
		}
	}
	gw := gatewayMAC(office())
	f.Fuzz(func(t *testing.T, first, second []byte) {
		l := officeLeases(t)
		for _, message := range [][]byte{first, second} {
			wire := l.answerFrame(message, gw, time.Unix(0, 0))
			if wire == nil {
				continue
			}
			ip, ok := ipOf(wire[prefixLen:])
			if !ok || !ip.IsChecksumValid() || len(ip) > 1500 {
				t.Fatalf("the answer is % x", wire)
			}
			resp, err := dhcpv4.FromBytes(header.UDP(ip.Payload()).Payload())
			if err != nil {
				t.Fatal(err)
			}
			client, yours := mac(resp.ClientHWAddr), fromIP(resp.YourIPAddr)
			if !answerable(yours) {
				continue
			}
			owner := l.machineByAddr(yours)
			if !hostAddr(l.cfg.Subnet, yours) || yours == l.cfg.Gateway || owner != l.machineByMAC(client) {
				t.Fatalf("%v is given %s of %q", client, yours, owner)
			}
		}
	})
}

// FuzzDNS gives the name server anything. What it answers must be a message
// that fits, with the question's number.
func FuzzDNS(f *testing.F) {
	for _, name := range []string{"web.", "WEB.harbour.lan.", "example.org.", "10.1.168.192.in-addr.arpa.", ".", "a.b.harbour.lan.", "harbour.lan."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypePTR, dns.TypeANY, dns.TypeSOA, dns.TypeAXFR} {
			q := new(dns.Msg).SetQuestion(name, qtype)
			wire, _ := q.Pack()
			f.Add(wire, true)
			wire, _ = q.SetEdns0(4096, true).Pack()
			f.Add(wire, false)
		}
	}
	s := newStack(f, office(), dmz(), lonely())
	r := resolver{zone: s.names.zone, gateway: s.gateways[0], egress: s.egress}
	f.Fuzz(func(t *testing.T, request []byte, udp bool) {
		reply := r.answer(request, netip.MustParseAddr("192.168.1.20"), udp)
		if reply == nil {
			return
		}
		var resp dns.Msg
		if err := resp.Unpack(reply); err != nil {
			t.Fatalf("% x: %v", reply, err)
		}
		if !bytes.Equal(reply[:2], request[:2]) || !resp.Response || udp && len(reply) > maxUDPReply {
			t.Fatalf("%d bytes: %s", len(reply), &resp)
		}
	})
}
