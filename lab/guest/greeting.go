package guest

import (
	"net"
	"sync/atomic"
	"time"
)

// greeted is a connection that is closed when nothing comes over it in time.
type greeted struct {
	net.Conn
	timer *time.Timer
	late  atomic.Bool // it was closed
}

// expectGreeting limits the wait for the first byte. A network may accept a
// connection on behalf of a machine that is still booting; waiting for the
// whole handshake's limit on it would miss the moment when SSH comes up.
func expectGreeting(raw net.Conn, limit time.Duration) *greeted {
	g := &greeted{Conn: raw}
	g.timer = time.AfterFunc(limit, func() {
		g.late.Store(true)
		_ = raw.Close()
	})
	return g
}

// Read implements net.Conn.
func (g *greeted) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if n > 0 {
		g.timer.Stop()
	}
	return n, err
}

// Close implements net.Conn.
func (g *greeted) Close() error {
	g.timer.Stop()
	return g.Conn.Close()
}
