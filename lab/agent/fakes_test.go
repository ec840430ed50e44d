package agent_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/network"
)

// fakeNet is a Net with one network, "office", on which "echo:7" answers what
// it is told.
type fakeNet struct {
	mu       sync.Mutex
	attached []net.Conn
	ends     []chan error
	closed   bool
	wg       sync.WaitGroup
}

func (n *fakeNet) Attach(name string, conn net.Conn) (<-chan error, error) {
	if name != "office" {
		_ = conn.Close()
		return nil, network.ErrUnknownNetwork
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	end := make(chan error, 1)
	n.attached, n.ends = append(n.attached, conn), append(n.ends, end)
	return end, nil
}

func (n *fakeNet) Dial(ctx context.Context, name, addr string) (net.Conn, error) {
	if name != "office" {
		return nil, network.ErrUnknownNetwork
	}
	switch addr {
	case "echo:7", "192.168.1.10:22":
		return n.echo(), nil
	case "refused:1":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case "hangs:1":
		<-ctx.Done()
		return nil, ctx.Err()
	case "outside:1":
		return nil, network.ErrOutside
	}
	return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
}

// DialUDP reaches "echo:7", a socket that sends every datagram back; "refuses:1"
// refuses what it is sent.
func (n *fakeNet) DialUDP(_ context.Context, name, addr string) (net.Conn, error) {
	if name != "office" {
		return nil, network.ErrUnknownNetwork
	}
	switch addr {
	case "echo:7":
		return &echoSocket{got: make(chan []byte, 16), closed: make(chan struct{})}, nil
	case "refuses:1":
		return &echoSocket{refuses: true, got: make(chan []byte, 16), closed: make(chan struct{})}, nil
	}
	return nil, network.ErrOutside
}

// echoSocket is a UDP socket. What a test does not use is nil.
type echoSocket struct {
	net.Conn
	refuses bool
	got     chan []byte
	once    sync.Once
	closed  chan struct{}
}

func (s *echoSocket) Write(b []byte) (int, error) {
	select {
	case s.got <- bytes.Clone(b):
	default: // lost
	}
	return len(b), nil
}

func (s *echoSocket) Read(b []byte) (int, error) {
	select {
	case d := <-s.got:
		if s.refuses {
			return 0, &net.OpError{Op: "read", Net: "udp", Err: syscall.ECONNREFUSED}
		}
		return copy(b, d), nil
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *echoSocket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (n *fakeNet) Ping(ctx context.Context, name, host string, count int) (answered int, fastest time.Duration, err error) {
	switch {
	case name != "office":
		return 0, 0, network.ErrUnknownNetwork
	case host == "hangs":
		<-ctx.Done()
		return 0, 0, ctx.Err()
	}
	return count - 1, time.Millisecond, nil
}

// echo returns a connection, with half-close, that sends everything back and
// then "bye" when its writing half was closed.
func (n *fakeNet) echo() net.Conn {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	here, there := fdConn(fds[0]), fdConn(fds[1])
	n.wg.Go(func() {
		defer func() { _ = there.Close() }()
		buf := make([]byte, 1024)
		for {
			m, err := there.Read(buf)
			_, _ = there.Write(buf[:m])
			if err != nil {
				_, _ = there.Write([]byte("bye"))
				return
			}
		}
	})
	return here
}

func (n *fakeNet) Address(machine string) (string, netip.Addr, bool) {
	if machine == "a" {
		return "office", netip.MustParseAddr("192.168.1.10"), true
	}
	return "", netip.Addr{}, false
}

func (n *fakeNet) Egress() []lab.EgressAttempt {
	return []lab.EgressAttempt{{Machine: "a", Protocol: "tcp", To: "203.0.113.7:443", Count: 2}}
}

func (n *fakeNet) Stats() network.Stats { return network.Stats{EgressOverflow: 7} }

func (n *fakeNet) Close() error {
	n.mu.Lock()
	for i, c := range n.attached {
		_ = c.Close()
		close(n.ends[i])
	}
	n.attached, n.ends, n.closed = nil, nil, true
	n.mu.Unlock()
	n.wg.Wait()
	return nil
}
