package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	// maxTalk is how much a server may send in one attempt, in bytes: no
	// protocol here needs more, and a server that never ends fills nothing.
	maxTalk = 32 << 20
	// grace is how long a client may take to notice that its connection was
	// closed. One that computes on is left to itself.
	grace = 2 * time.Second
)

// talk connects to a server and has do speak with it. What do is given dies
// with ctx, whatever do is doing; a client that cannot cope with what a server
// sends fails the check and not the program. Passwords are masked in what is
// found.
func talk(ctx context.Context, at place, s lab.Server, port int, do func(ctx context.Context, c *session) finding) finding {
	addr := serverAddrOf(s, port)
	raw, err := dial(ctx, at, addr)
	if err != nil {
		return finding{err: err}
	}
	c := newSession(ctx, raw, addr)
	defer c.Close()
	found := make(chan finding, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				found <- finding{err: fmt.Errorf("the answer of %s cannot be read: %v", addr, r)}
			}
		}()
		found <- do(ctx, c)
	}()
	var f finding
	select {
	case f = <-found:
	case <-ctx.Done():
		_ = c.Close()
		select {
		case f = <-found:
		case <-time.After(grace):
			f.err = context.Cause(ctx)
		}
	}
	if cause := c.cause(); f.err != nil && cause != nil {
		f.err = cause // clients wrap it in ways that hide it
	}
	f.err = withHint(f.err)
	return f.mask(s.Password)
}

// serverAddrOf is where s is: port is the protocol's own.
func serverAddrOf(s lab.Server, port int) string {
	if s.Port != 0 {
		port = s.Port
	}
	return net.JoinHostPort(s.Host, strconv.Itoa(port))
}

// portOf is plain, or secure where TLS comes first.
func portOf(s lab.Server, plain, secure int) int {
	if s.Security == lab.TLS {
		return secure
	}
	return plain
}

// session is a connection that is closed when a context ends, and with a limit
// on what comes. It has no other deadline: those of clients are made for
// servers that are not emulated.
type session struct {
	net.Conn
	addr string
	stop func() bool
	once sync.Once

	mu   sync.Mutex
	left int   // bytes that may still come
	used bool  // a client that dials itself has it
	lost error // what ended the connection, where that is not the server
}

func newSession(ctx context.Context, raw net.Conn, addr string) *session {
	c := &session{Conn: raw, addr: addr, left: maxTalk}
	_ = raw.SetDeadline(time.Time{}) // it would come first, and hide that ctx ended
	c.stop = context.AfterFunc(ctx, func() { c.once.Do(func() { _ = raw.Close() }) })
	return c
}

// limit sets how many bytes may still come.
func (c *session) limit(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = n
}

// take gives the connection to a client that insists on dialling. It is asked
// a second time by one that is sent elsewhere, or tries again.
func (c *session) take() (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used {
		return nil, fmt.Errorf("%s wants to be asked again, or elsewhere", c.addr)
	}
	c.used = true
	return c, nil
}

// Read implements net.Conn.
func (c *session) Read(b []byte) (int, error) {
	c.mu.Lock()
	room := min(len(b), c.left)
	c.mu.Unlock()
	if room == 0 && len(b) > 0 {
		return 0, c.keep(fmt.Errorf("%s sends more than it has any reason to: it was not read to its end", c.addr))
	}
	n, err := c.Conn.Read(b[:room])
	c.mu.Lock()
	c.left -= n
	c.mu.Unlock()
	if _, machine := errors.AsType[*lab.GuestError](err); machine {
		_ = c.keep(err)
	}
	return n, err
}

// Write implements net.Conn. A connection through a machine tells only readers
// why it ended.
func (c *session) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if errors.Is(err, io.ErrClosedPipe) {
		_, _ = c.Read(make([]byte, 1))
	}
	return n, err
}

// keep remembers the first err as the cause of what follows.
func (c *session) keep(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost == nil {
		c.lost = err
	}
	return err
}

func (c *session) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Close implements net.Conn. It may be called again.
func (c *session) Close() (err error) {
	c.stop()
	c.once.Do(func() { err = c.Conn.Close() })
	return err
}

// SetDeadline implements net.Conn. Only a time that is past is obeyed: it is
// how clients interrupt themselves.
func (c *session) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(pastOnly(t)) }

// SetReadDeadline implements net.Conn.
func (c *session) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(pastOnly(t)) }

// SetWriteDeadline implements net.Conn.
func (c *session) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(pastOnly(t)) }

func pastOnly(t time.Time) time.Time {
	if t.After(time.Now()) {
		return time.Time{}
	}
	return t
}
