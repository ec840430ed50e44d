package network

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

// echoServer answers on a guest's TCP port with what it is sent, until the
// test ends.
func (g *guest) echoServer(t *testing.T, port uint16) {
	t.Helper()
	l, err := gonet.ListenTCP(g.stack, tcpip.FullAddress{Addr: tcpipAddr(g.addr), Port: port}, ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	conns := newConnSet(100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil || !conns.add(c) {
				return
			}
			_, _ = io.Copy(c, c)
			conns.remove(c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		_ = conns.Close()
		<-done
	})
}

// dial connects from a guest.
func (g *guest) dial(to string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return dialTCP(ctx, g.stack, g.addr, netip.MustParseAddrPort(to))
}

// roundTrip sends text, ends its half and wants the text back.
func roundTrip(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, text)
		sent <- errors.Join(err, c.(interface{ CloseWrite() error }).CloseWrite())
	}()
	got, err := io.ReadAll(c)
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	if string(got) != text {
		t.Errorf("got %d bytes back, want %d", len(got), len(text))
	}
	_ = c.Close()
}

func testCtx(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestDial(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	newGuest(t, s, "office", testMAC(10), "192.168.1.10").echoServer(t, 22)
	newGuest(t, s, "dmz", testMAC(40), "10.9.0.5").echoServer(t, 25)
	for _, tt := range []struct{ network, addr string }{
		{"office", "192.168.1.10:22"},
		{"office", "www:22"},
		{"office", "WEB.harbour.lan.:22"},
		{"office", "mail:25"}, // routed
		{"dmz", "10.9.0.5:25"},
		{"dmz", "web.harbour.lan:22"}, // routed
	} {
		t.Run(tt.network+" to "+tt.addr, func(t *testing.T) {
			c, err := s.Dial(testCtx(t), tt.network, tt.addr)
			if err != nil {
				t.Fatal(err)
			}
			if host, _, _ := net.SplitHostPort(c.LocalAddr().String()); host != s.gateways[map[string]int{"office": 0, "dmz": 1}[tt.network]].addr.String() {
				t.Errorf("it comes from %s", host)
			}
			roundTrip(t, c, strings.Repeat("0123456789", 100_000))
		})
	}
}

func TestDialErrors(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	newGuest(t, s, "office", testMAC(10), "192.168.1.10")
	for _, tt := range []struct {
		network, addr string
		want          error
	}{
		{"nowhere", "192.168.1.10:22", ErrUnknownNetwork},
		{"office", "8.8.8.8:53", ErrOutside},
		{"office", "[::1]:53", ErrOutside},
		{"office", "[::ffff:8.8.8.8]:53", ErrOutside},
		{"office", "172.20.0.2:22", ErrNotRouted},
		{"lonely", "192.168.1.10:22", ErrNotRouted},
		{"office", "192.168.1.10:23", syscall.ECONNREFUSED},
		{"office", "192.168.1.1:80", syscall.ECONNREFUSED},
		{"office", "192.168.1.255:80", syscall.EACCES},
		{"office", "192.168.1.77:22", syscall.EHOSTUNREACH},
	} {
		c, err := s.Dial(testCtx(t), tt.network, tt.addr)
		if err == nil {
			_ = c.Close()
		}
		var op *net.OpError
		if !errors.Is(err, tt.want) || !errors.As(err, &op) {
			t.Errorf("%s to %s: %v, want %v", tt.network, tt.addr, err, tt.want)
		}
	}
	var notFound *net.DNSError
	if _, err := s.Dial(testCtx(t), "office", "example.org:80"); !errors.As(err, &notFound) || !notFound.IsNotFound {
		t.Errorf("a name outside: %v", err)
	}
	for _, addr := range []string{"192.168.1.10", "192.168.1.10:ssh", "192.168.1.10:0", "192.168.1.10:70000", ":22"} {
		if _, err := s.Dial(testCtx(t), "office", addr); err == nil {
			t.Errorf("%q was dialled", addr)
		}
	}
	if e := s.Egress(); len(e) != 0 {
		t.Errorf("egress: %+v", e)
	}
}

// A machine that takes no notice costs no more than the context's time.
func TestDialCancelled(t *testing.T) {
	s := newStack(t, office())
	st, _ := wireStationOn(t, s, "office", testMAC(10), "192.168.1.10") // answers nothing
	ctx, cancel := context.WithCancel(testCtx(t))
	go func() {
		st.until(func(f []byte) bool { _, ok := ipOf(f); return ok }) // the SYN
		cancel()
	}()
	if _, err := s.Dial(ctx, "office", "192.168.1.10:22"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Dial(ctx, "office", "192.168.1.10:22"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDialDeadlines(t *testing.T) {
	s := newStack(t, office())
	newGuest(t, s, "office", testMAC(10), "192.168.1.10").echoServer(t, 22)
	c, err := s.Dial(testCtx(t), "office", "web:22")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now())
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v", err)
	}
}

// Machines reach each other on their network and through the gateway, and
// nothing else, at once.
func TestGuests(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	web := newGuest(t, s, "office", testMAC(10), "192.168.1.10")
	db := newGuest(t, s, "office", testMAC(20), "192.168.1.20")
	mail := newGuest(t, s, "dmz", testMAC(40), "10.9.0.5")
	vault := newGuest(t, s, "lonely", testMAC(50), "172.20.0.2")
	for _, g := range []*guest{web, db, mail, vault} {
		g.echoServer(t, 80)
	}
	for _, tt := range []struct {
		from *guest
		to   string
		want error
	}{
		{web, "192.168.1.20:80", nil},
		{web, "10.9.0.5:80", nil},
		{mail, "192.168.1.10:80", nil},
		{mail, "192.168.1.10:81", syscall.ECONNREFUSED},
		{web, "172.20.0.2:80", syscall.ECONNREFUSED},
		{vault, "192.168.1.10:80", syscall.ECONNREFUSED},
		{vault, "203.0.113.7:80", syscall.ECONNREFUSED},
		{web, "203.0.113.7:80", syscall.ECONNREFUSED},
		{web, "10.9.0.77:80", syscall.EHOSTUNREACH},
	} {
		c, err := tt.from.dial(tt.to)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s to %s: %v, want %v", tt.from.addr, tt.to, err, tt.want)
		}
		if err == nil {
			roundTrip(t, c, strings.Repeat("x", 300_000))
		}
	}
	got := map[string]string{}
	for _, e := range s.Egress() {
		got[e.Machine+" "+e.To] = e.Protocol
	}
	if len(got) != 2 || got["vault 203.0.113.7:80"] != "tcp" || got["web 203.0.113.7:80"] != "tcp" {
		t.Errorf("egress: %v", got)
	}
}

// ask puts a question to a name server, as a machine does.
func (g *guest) ask(t *testing.T, network, server string, q *dns.Msg) *dns.Msg {
	t.Helper()
	to := netip.MustParseAddrPort(server)
	var conn net.Conn
	var err error
	if network == "tcp" {
		conn, err = g.dial(server)
	} else {
		conn, err = gonet.DialUDP(g.stack, nil, &tcpip.FullAddress{Addr: tcpipAddr(to.Addr()), Port: to.Port()}, ipv4.ProtocolNumber)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if network == "tcp" {
		wire = append([]byte{byte(len(wire) >> 8), byte(len(wire))}, wire...)
	}
	if _, err := conn.Write(wire); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if network == "tcp" {
		buf, n = buf[2:], n-2
	}
	resp := new(dns.Msg)
	if err := resp.Unpack(buf[:n]); err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestDNSOnTheWire(t *testing.T) {
	s := newStack(t, office(), dmz())
	web := newGuest(t, s, "office", testMAC(10), "192.168.1.10")
	for _, network := range []string{"udp", "tcp"} {
		for _, server := range []string{"192.168.1.1:53", "10.9.0.254:53"} { // also the other side's
			resp := web.ask(t, network, server, new(dns.Msg).SetQuestion("db.harbour.lan.", dns.TypeA))
			if len(resp.Answer) != 1 || resp.Answer[0].(*dns.A).A.String() != "192.168.1.20" {
				t.Errorf("%s %s: %s", network, server, resp)
			}
		}
		if resp := web.ask(t, network, "192.168.1.1:53", new(dns.Msg).SetQuestion("example.org.", dns.TypeA)); resp.Rcode != dns.RcodeNameError {
			t.Errorf("%s: %s", network, resp)
		}
	}
	e := s.Egress()
	if len(e) != 1 || e[0].Machine != "web" || e[0].To != "example.org" || e[0].Count != 2 {
		t.Errorf("egress: %+v", e)
	}
}

// The gateway asks its own DNS, as checks made from it do.
func TestGatewayAsksItself(t *testing.T) {
	s := newStack(t, office(), dmz())
	for _, addr := range []string{"192.168.1.1:53", "10.9.0.254:53", "gateway:53"} {
		c, err := s.Dial(testCtx(t), "office", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		dc := &dns.Conn{Conn: c}
		if err := dc.WriteMsg(new(dns.Msg).SetQuestion("web.", dns.TypeA)); err != nil {
			t.Fatal(err)
		}
		if resp, err := dc.ReadMsg(); err != nil || len(resp.Answer) != 1 {
			t.Errorf("%s: %v, %v", addr, resp, err)
		}
		_ = c.Close()
	}
}

// ICMP errors about its answers don't end the name server.
func TestDNSSurvivesErrors(t *testing.T) {
	s := newStack(t, office())
	m := testMAC(10)
	st, gw := wireStationOn(t, s, "office", m, "192.168.1.10")
	wire, _ := new(dns.Msg).SetQuestion("db.", dns.TypeA).Pack()
	question := udpFrame(gw, m, "192.168.1.10:5000", "192.168.1.1:53", string(wire))
	isDNS := func(f []byte) bool {
		ip, ok := ipOf(f)
		return ok && ip.TransportProtocol() == header.UDPProtocolNumber
	}
	complain := &gateway{addr: netip.MustParseAddr("192.168.1.10"), mac: m}
	for range 20 {
		st.send(question)
		ip, _ := ipOf(st.until(isDNS))
		st.send(complain.unreachable(ip, header.ICMPv4PortUnreachable, gw)[prefixLen:])
		st.send(udpFrame(gw, m, "192.168.1.10:5000", "192.168.1.1:53", "nonsense"))
	}
	st.send(question)
	st.until(isDNS)
}

// More connections than the name server takes are closed, the others served.
func TestDNSConnectionsAreBounded(t *testing.T) {
	s := newStack(t, office())
	ask := func(c net.Conn) {
		t.Helper()
		dc := &dns.Conn{Conn: c}
		_ = dc.WriteMsg(new(dns.Msg).SetQuestion("web.", dns.TypeA))
		if resp, err := dc.ReadMsg(); err != nil || len(resp.Answer) != 1 {
			t.Errorf("%v, %v", resp, err)
		}
	}
	var conns []net.Conn
	for range maxDNSConns {
		c, err := s.Dial(testCtx(t), "office", "192.168.1.1:53")
		if err != nil {
			t.Fatal(err)
		}
		ask(c) // they are not accepted in the order of dialling
		conns = append(conns, c)
	}
	c, err := s.Dial(testCtx(t), "office", "192.168.1.1:53")
	if err == nil {
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one too many: %v", err)
		}
	}
	ask(conns[0])
}

func TestAddress(t *testing.T) {
	s := newStack(t, dmz(), office())
	for machine, want := range map[string]string{"web": "office 192.168.1.10", "mail": "dmz 10.9.0.5", "desk": "office 192.168.1.2", "nobody": " invalid IP"} {
		network, addr, ok := s.Address(machine)
		if got := network + " " + addr.String(); got != want || ok != (machine != "nobody") {
			t.Errorf("%s is at %s", machine, got)
		}
	}
}

func TestAttachErrors(t *testing.T) {
	s := newStack(t, office())
	ours, theirs := net.Pipe()
	if _, err := s.Attach("nowhere", ours); !errors.Is(err, ErrUnknownNetwork) {
		t.Errorf("got %v", err)
	}
	if _, err := theirs.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

// Any net.Conn will do.
func TestAttachPipe(t *testing.T) {
	s := newStack(t, office())
	ours, theirs := net.Pipe()
	ended, err := s.Attach("office", ours)
	if err != nil {
		t.Fatal(err)
	}
	st := newStation(t, theirs)
	st.send(arpRequest(testMAC(10), netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("192.168.1.1")))
	if _, ok := isARPReply(st.receive()); !ok {
		t.Error("no answer")
	}
	_ = theirs.Close()
	if err := <-ended; err != nil {
		t.Errorf("the port ended with %v", err)
	}
}

func TestStackCloseWhileBusy(t *testing.T) {
	s := newStack(t, office(), dmz())
	newGuest(t, s, "office", testMAC(10), "192.168.1.10").echoServer(t, 22)
	c, err := s.Dial(testCtx(t), "office", "web:22")
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	done := make(chan struct{}, 2)
	started := make(chan struct{})
	go func() {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 64<<10)
		for first := true; ; first = false {
			if _, err := c.Write(buf); err != nil {
				return
			}
			if first {
				close(started)
			}
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		_, _ = io.Copy(io.Discard, c)
	}()
	ours, _ := net.Pipe()
	ended, err := s.Attach("office", ours)
	if err != nil {
		t.Fatal(err)
	}
	<-started
	for range 3 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	<-done
	<-done
	if _, err := s.Dial(testCtx(t), "office", "web:22"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dialling gave %v", err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a port ended with %v", err)
	}
	ours, _ = net.Pipe()
	if _, err := s.Attach("office", ours); !errors.Is(err, net.ErrClosed) {
		t.Errorf("attaching to a closed stack gave %v", err)
	}
	if _, _, ok := s.Address("web"); !ok || len(s.Egress()) != 0 || len(s.Stats().Networks) != 2 {
		t.Error("what was recorded is gone")
	}
}

func TestNewRefuses(t *testing.T) {
	set := func(change func(c *Config)) []Config {
		c := office()
		change(&c)
		return []Config{c}
	}
	for name, configs := range map[string][]Config{
		"twice": {office(), office()},
		"overlap": {office(), func() Config {
			c := office()
			c.Name = "x"
			c.Subnet = netip.MustParsePrefix("192.168.0.0/16")
			return c
		}()},
		"no subnet":        set(func(c *Config) { c.Subnet = netip.Prefix{} }),
		"ipv6":             set(func(c *Config) { c.Subnet = netip.MustParsePrefix("fd00::/64") }),
		"not masked":       set(func(c *Config) { c.Subnet = netip.MustParsePrefix("192.168.1.1/24") }),
		"tiny":             set(func(c *Config) { c.Subnet = netip.MustParsePrefix("192.168.1.0/31") }),
		"gateway outside":  set(func(c *Config) { c.Gateway = netip.MustParseAddr("10.0.0.1") }),
		"gateway missing":  set(func(c *Config) { c.Gateway = netip.Addr{} }),
		"broadcast":        set(func(c *Config) { c.Gateway = netip.MustParseAddr("192.168.1.255") }),
		"mtu":              set(func(c *Config) { c.MTU = 0 }),
		"huge mtu":         set(func(c *Config) { c.MTU = 70000 }),
		"no domain":        set(func(c *Config) { c.Domain = "" }),
		"bad domain":       set(func(c *Config) { c.Domain = "a..b" }),
		"short mac":        set(func(c *Config) { c.Hosts[0].MAC = c.Hosts[0].MAC[:5] }),
		"group mac":        set(func(c *Config) { c.Hosts[0].MAC = MAC(everybody[:]) }),
		"mac twice":        set(func(c *Config) { c.Hosts[0].MAC = c.Hosts[1].MAC }),
		"address twice":    set(func(c *Config) { c.Hosts[0].Address = c.Hosts[1].Address }),
		"gateway's":        set(func(c *Config) { c.Hosts[0].Address = c.Gateway }),
		"address outside":  set(func(c *Config) { c.Hosts[0].Address = netip.MustParseAddr("10.0.0.1") }),
		"network's itself": set(func(c *Config) { c.Hosts[0].Address = netip.MustParseAddr("192.168.1.0") }),
	} {
		if s, err := New(configs, nil); err == nil {
			t.Errorf("%s: accepted", name)
			_ = s.Close()
		}
	}
}

func TestConfigJSON(t *testing.T) {
	b, err := json.Marshal(office())
	if err != nil {
		t.Fatal(err)
	}
	var c Config
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	again, _ := json.Marshal(c)
	if string(again) != string(b) || !strings.Contains(string(b), `"52:54:00:01:02:0a"`) || strings.Count(string(b), `"address"`) != 2 {
		t.Errorf("%s\n%s", b, again)
	}
}
