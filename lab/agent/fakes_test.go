package agent_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"

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
