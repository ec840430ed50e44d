package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// DialContext connects from the machine to addr, which the machine resolves.
// A target that does not answer is a plain error; a machine that cannot be
// reached itself gives a *lab.GuestError. The connection knows deadlines. When
// the SSH connection ends, reading gives ErrConnectionLost and not the end of
// the data.
func (g *Guest) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	l, err := g.reach(ctx)
	if err != nil {
		return nil, err
	}
	ch, err := l.client.DialContext(ctx, network, addr)
	if err == nil {
		return newTunnel(l, ch, addr), nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if e, refused := errors.AsType[*ssh.OpenChannelError](err); refused {
		if e.Reason == ssh.Prohibited {
			return nil, g.fail("connect from", fmt.Errorf("its SSH server forbids forwarding: %w", plain(e)))
		}
		return nil, fmt.Errorf("cannot connect to %s from machine %q: %w", addr, g.cfg.Machine.Name, plain(e))
	}
	if !l.answers() {
		return nil, g.fail("connect from", l.err())
	}
	return nil, fmt.Errorf("cannot connect to %s from machine %q: %w", addr, g.cfg.Machine.Name, plain(err))
}

// tunnel is a connection through the machine. SSH's own connections know no
// deadlines, which HTTP and DNS clients need; so the caller gets one end of a
// pipe, which does, and two goroutines carry the bytes.
type tunnel struct {
	net.Conn             // the caller's end
	to       tunnelAddr  // where it leads
	lost     atomic.Bool // the SSH connection ended before the data did
	link     *link
}

func newTunnel(l *link, ch net.Conn, addr string) net.Conn {
	near, far := net.Pipe()
	t := &tunnel{Conn: near, to: tunnelAddr(addr), link: l}
	var once sync.Once
	end := func() { once.Do(func() { _ = ch.Close(); _ = far.Close() }) }
	down := func() {
		_, _ = io.Copy(far, ch)
		if !l.answers() {
			t.lost.Store(true)
		}
		end()
	}
	up := func() { _, _ = io.Copy(ch, far); end() }
	if !l.spawn(down) || !l.spawn(up) {
		t.lost.Store(true)
		end()
	}
	return t
}

// Read reports a lost SSH connection as an error: taken for the end of the
// data it would make a half answer look whole.
func (t *tunnel) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if errors.Is(err, io.EOF) && t.lost.Load() {
		return n, t.link.err()
	}
	return n, err
}

func (t *tunnel) LocalAddr() net.Addr  { return tunnelAddr("") }
func (t *tunnel) RemoteAddr() net.Addr { return t.to }

// tunnelAddr is an address as the machine sees it.
type tunnelAddr string

func (tunnelAddr) Network() string  { return "tcp" }
func (a tunnelAddr) String() string { return string(a) }
