package network

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

// udpEcho answers each datagram with itself until the test ends.
func (g *guest) udpEcho(t *testing.T, port uint16) {
	t.Helper()
	c, err := gonet.DialUDP(g.stack, &tcpip.FullAddress{Addr: tcpipAddr(g.addr), Port: port}, nil, ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(buf[:n], from)
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
}

func TestDialUDP(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	newGuest(t, s, "office", testMAC(10), "192.168.1.10").udpEcho(t, 123)
	newGuest(t, s, "dmz", testMAC(40), "10.9.0.5").udpEcho(t, 161)
	for _, tt := range []struct{ network, addr string }{
		{"office", "192.168.1.10:123"},
		{"office", "WEB.harbour.lan.:123"},
		{"office", "mail:161"}, // routed
		{"dmz", "10.9.0.5:161"},
	} {
		t.Run(tt.network+" to "+tt.addr, func(t *testing.T) {
			c, err := s.DialUDP(testCtx(t), tt.network, tt.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(patience))
			buf := make([]byte, 64<<10)
			for _, size := range []int{5, 0, 4000, 1} { // one is fragmented
				if _, err := c.Write(make([]byte, size)); err != nil {
					t.Fatal(err)
				}
				if n, err := c.Read(buf); n != size || err != nil {
					t.Errorf("%d bytes came back, %v; want %d", n, err, size)
				}
			}
		})
	}
}

func TestDialUDPErrors(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	newGuest(t, s, "office", testMAC(10), "192.168.1.10")
	for _, tt := range []struct {
		network, addr string
		want          error
	}{
		{"nowhere", "192.168.1.10:53", ErrUnknownNetwork},
		{"office", "8.8.8.8:53", ErrOutside},
		{"office", "172.20.0.2:53", ErrNotRouted},
		{"office", "192.168.1.255:53", syscall.EACCES},
	} {
		c, err := s.DialUDP(testCtx(t), tt.network, tt.addr)
		if err == nil {
			_ = c.Close()
		}
		if op := (*net.OpError)(nil); !errors.Is(err, tt.want) || !errors.As(err, &op) {
			t.Errorf("%s to %s: %v, want %v", tt.network, tt.addr, err, tt.want)
		}
	}
	var notFound *net.DNSError
	if _, err := s.DialUDP(testCtx(t), "office", "example.org:53"); !errors.As(err, &notFound) || !notFound.IsNotFound {
		t.Errorf("a name outside: %v", err)
	}
	c, err := s.DialUDP(testCtx(t), "office", "192.168.1.10:9")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = c.Write([]byte("x"))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a port that nobody listens on: %v", err)
	}
}

func TestPing(t *testing.T) {
	s := newStack(t, office(), dmz(), lonely())
	newGuest(t, s, "office", testMAC(10), "192.168.1.10")
	newGuest(t, s, "dmz", testMAC(40), "10.9.0.5")
	for _, tt := range []struct{ network, host string }{
		{"office", "192.168.1.10"}, {"office", "www"}, {"office", "mail"}, {"dmz", "10.9.0.5"}, {"office", "192.168.1.1"}, {"office", "10.9.0.254"},
	} {
		answered, fastest, err := s.Ping(testCtx(t), tt.network, tt.host, 3)
		if answered != 3 || fastest <= 0 || err != nil {
			t.Errorf("%s to %s: %d answered, fastest %v, %v", tt.network, tt.host, answered, fastest, err)
		}
	}
	for _, tt := range []struct {
		network, host string
		want          error
	}{
		{"nowhere", "192.168.1.10", ErrUnknownNetwork},
		{"office", "8.8.8.8", ErrOutside},
		{"office", "::1", ErrOutside},
		{"office", "172.20.0.2", ErrNotRouted},
		{"office", "192.168.1.255", syscall.EACCES},
	} {
		if _, _, err := s.Ping(testCtx(t), tt.network, tt.host, 1); !errors.Is(err, tt.want) {
			t.Errorf("%s to %s: %v, want %v", tt.network, tt.host, err, tt.want)
		}
	}
	for _, count := range []int{0, -1, MaxPings + 1} {
		if _, _, err := s.Ping(testCtx(t), "office", "www", count); err == nil {
			t.Errorf("%d requests were sent", count)
		}
	}
}

func TestPingNobody(t *testing.T) {
	s := newStack(t, office())
	if answered, _, err := s.Ping(testCtx(t), "office", "192.168.1.77", 1); answered != 0 || err != nil {
		t.Errorf("%d answered, %v", answered, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, _, err := s.Ping(ctx, "office", "192.168.1.77", MaxPings); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	time.AfterFunc(10*time.Millisecond, func() { _ = s.Close() })
	if _, _, err := s.Ping(testCtx(t), "office", "192.168.1.77", MaxPings); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestPingAtTheSameTime(t *testing.T) {
	s := newStack(t, office())
	newGuest(t, s, "office", testMAC(10), "192.168.1.10")
	results := make(chan int, 8)
	for range cap(results) {
		go func() {
			answered, _, _ := s.Ping(testCtx(t), "office", "web", 2)
			results <- answered
		}()
	}
	for range cap(results) {
		if n := <-results; n != 2 {
			t.Errorf("%d of 2 answered", n)
		}
	}
}
