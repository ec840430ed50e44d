package network

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// patience bounds what a test waits for; only a failing test gets there.
const patience = 20 * time.Second

// socketpair returns both ends of a unix stream socket, as QEMU's is.
func socketpair(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]net.Conn, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		conns[i], err = net.FileConn(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conns[i].Close() })
	}
	return conns[0], conns[1]
}

// wireOf puts a frame behind its length.
func wireOf(frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

// etherFrame is a frame of size bytes whose payload repeats fill.
func etherFrame(dst, src mac, etherType uint16, size int, fill byte) []byte {
	f := make([]byte, size)
	copy(f, dst[:])
	copy(f[6:], src[:])
	binary.BigEndian.PutUint16(f[12:], etherType)
	for i := headerLen; i < size; i++ {
		f[i] = fill
	}
	return f
}

var everybody = mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func testMAC(n byte) mac { return mac{0x52, 0x54, 0, 1, 2, n} }

func testHostMAC(n byte) MAC { m := testMAC(n); return m[:] }

// wireStation is one end of a port, with frames written and read by hand.
type wireStation struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func newStation(t testing.TB, conn net.Conn) *wireStation {
	t.Helper()
	return &wireStation{t: t, conn: conn, in: bufio.NewReaderSize(conn, 256<<10)}
}

// send writes frames.
func (s *wireStation) send(frames ...[]byte) {
	s.t.Helper()
	var wire []byte
	for _, f := range frames {
		wire = append(wire, wireOf(f)...)
	}
	if _, err := s.conn.Write(wire); err != nil {
		s.t.Fatal(err)
	}
}

// receive reads the next frame.
func (s *wireStation) receive() []byte {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(patience))
	f, err := readFrame(s.in)
	if err != nil {
		s.t.Fatalf("no frame came: %v", err)
	}
	return f
}

func readFrame(r io.Reader) ([]byte, error) {
	var prefix [prefixLen]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	f := make([]byte, binary.BigEndian.Uint32(prefix[:]))
	_, err := io.ReadFull(r, f)
	return f, err
}

// until reads frames until one satisfies ok.
func (s *wireStation) until(ok func(frame []byte) bool) []byte {
	s.t.Helper()
	for {
		if f := s.receive(); ok(f) {
			return f
		}
	}
}

// guest is a machine: a netstack on a NIC.
type guest struct {
	stack *stack.Stack
	link  *link
	addr  netip.Addr
}

// attach plugs a socket into a network and returns the machine's end.
func attach(t testing.TB, s *Stack, network string) net.Conn {
	t.Helper()
	ours, theirs := socketpair(t)
	if _, err := s.Attach(network, ours); err != nil {
		t.Fatal(err)
	}
	return theirs
}

// newGuest starts a machine on a network with a fixed address and a default
// route.
func newGuest(t testing.TB, s *Stack, network string, m mac, addr string) *guest {
	t.Helper()
	gw, err := s.gateway(network)
	if err != nil {
		t.Fatal(err)
	}
	conn := attach(t, s, network)
	var writing sync.Mutex
	g := &guest{addr: netip.MustParseAddr(addr)}
	g.link = &link{mtu: uint32(gw.cfg.MTU), addr: tcpip.LinkAddress(m[:]), send: func(wire []byte) {
		writing.Lock()
		defer writing.Unlock()
		_, _ = conn.Write(wire)
	}}
	g.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{arp.NewProtocol, ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	if err := g.stack.CreateNIC(1, g.link); err != nil {
		t.Fatal(err)
	}
	at := tcpip.AddressWithPrefix{Address: tcpipAddr(g.addr), PrefixLen: gw.cfg.Subnet.Bits()}
	if err := g.stack.AddProtocolAddress(1, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: at}, stack.AddressProperties{}); err != nil {
		t.Fatal(err)
	}
	g.stack.SetRouteTable([]tcpip.Route{
		{Destination: at.Subnet(), NIC: 1},
		{Destination: header.IPv4EmptySubnet, Gateway: tcpipAddr(gw.addr), NIC: 1},
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.receive(conn, m)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
		g.stack.Destroy()
	})
	return g
}

func (g *guest) receive(conn net.Conn, m mac) {
	in := bufio.NewReader(conn)
	for {
		f, err := readFrame(in)
		if err != nil {
			return
		}
		if dst := mac(f); dst == m || dst.group() {
			g.link.inject(tcpip.NetworkProtocolNumber(binary.BigEndian.Uint16(f[12:])), f[headerLen:])
		}
	}
}

// office is a network as examples have it.
func office() Config {
	return Config{
		Name: "office", Subnet: netip.MustParsePrefix("192.168.1.0/24"), Gateway: netip.MustParseAddr("192.168.1.1"),
		Domain: "harbour.lan", MTU: 1500, Routed: true,
		Hosts: []Host{
			{Machine: "web", MAC: testHostMAC(10), Address: netip.MustParseAddr("192.168.1.10"), Names: []string{"www", "a.b"}, Default: true},
			{Machine: "db", MAC: testHostMAC(20), Address: netip.MustParseAddr("192.168.1.20"), Default: true},
			{Machine: "desk", MAC: testHostMAC(30), Default: true},
		},
	}
}

func dmz() Config {
	return Config{
		Name: "dmz", Subnet: netip.MustParsePrefix("10.9.0.0/24"), Gateway: netip.MustParseAddr("10.9.0.254"),
		Domain: "dmz.harbour.lan", MTU: 1500, Routed: true,
		Hosts: []Host{
			{Machine: "mail", MAC: testHostMAC(40), Address: netip.MustParseAddr("10.9.0.5"), Default: true},
			{Machine: "web", MAC: testHostMAC(11), Address: netip.MustParseAddr("10.9.0.10")},
		},
	}
}

func lonely() Config {
	return Config{
		Name: "lonely", Subnet: netip.MustParsePrefix("172.20.0.0/16"), Gateway: netip.MustParseAddr("172.20.0.1"),
		Domain: "lonely.lab", MTU: 1500,
		Hosts: []Host{{Machine: "vault", MAC: testHostMAC(50), Address: netip.MustParseAddr("172.20.0.2"), Default: true}},
	}
}

// newStack starts networks that end with the test.
func newStack(t testing.TB, configs ...Config) *Stack {
	t.Helper()
	s, err := New(configs, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
