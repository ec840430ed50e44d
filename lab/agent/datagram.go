package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
)

// Datagrams over a stream stand behind their length: 2 bytes, big-endian. The
// lengths that no datagram has tell why the agent ends the stream.
const (
	maxDatagram     = 65507 // bytes of UDP over IPv4
	datagramRefused = 0xffff
)

// dialUDP makes a UDP socket of the lab a stream of datagrams.
func (a *api) dialUDP(w http.ResponseWriter, r *http.Request) error {
	if err := wantsStream(r); err != nil {
		return err
	}
	network, addr, err := a.target(r)
	if err != nil {
		return err
	}
	conn, err := a.net.DialUDP(r.Context(), network, addr)
	if err != nil {
		return err
	}
	a.hijack(w, func(client net.Conn) { joinDatagrams(a.ctx, client, conn) }, func() { _ = conn.Close() })
	return nil
}

// joinDatagrams passes datagrams on between a client's stream and a socket
// until one of them or ctx ends, and closes both.
func joinDatagrams(ctx context.Context, client, socket net.Conn) {
	closeBoth := func() {
		_ = client.Close()
		_ = socket.Close()
	}
	defer context.AfterFunc(ctx, closeBoth)()
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		defer closeBoth()
		buf := make([]byte, 2+maxDatagram)
		for {
			n, err := socket.Read(buf[2:])
			if errors.Is(err, syscall.ECONNREFUSED) {
				_, _ = client.Write(binary.BigEndian.AppendUint16(nil, datagramRefused)) // the end says as much
			}
			if err != nil {
				return
			}
			binary.BigEndian.PutUint16(buf, uint16(n)) //nolint:gosec // at most maxDatagram
			if _, err := client.Write(buf[:2+n]); err != nil {
				return
			}
		}
	})
	defer closeBoth()
	buf := make([]byte, maxDatagram)
	for {
		n, err := readDatagram(client, buf)
		if err != nil {
			return
		}
		_, _ = socket.Write(buf[:n]) // a datagram may get lost
	}
}

// readDatagram reads the next datagram of a stream into buf, which has room
// for any.
func readDatagram(r io.Reader, buf []byte) (int, error) {
	var prefix [2]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(prefix[:]))
	switch {
	case n == datagramRefused:
		return 0, syscall.ECONNREFUSED
	case n > maxDatagram:
		return 0, errors.New("no datagram is that long")
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		return 0, errors.Join(err, io.ErrUnexpectedEOF)
	}
	return n, nil
}

// DialUDP opens a UDP connection to addr, "host:port", from a network's
// gateway: each Write sends one datagram, each Read takes one and drops what b
// has no room for. Read gives ECONNREFUSED when nobody listens there, and io.EOF
// when the agent ended; after an error, a timeout too, there is no more.
func (c *Client) DialUDP(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.stream(ctx, "/v1/dial-udp?"+url.Values{"network": {network}, "addr": {addr}}.Encode())
	if err != nil {
		return nil, err
	}
	return &datagramConn{Conn: conn, buf: make([]byte, maxDatagram)}, nil
}

// datagramConn is the client's end.
type datagramConn struct {
	net.Conn
	reading sync.Mutex
	buf     []byte
	ended   error // a read was broken off: nobody knows where the next begins
}

// Read implements net.Conn.
func (c *datagramConn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.ended != nil {
		return 0, c.ended
	}
	n, err := readDatagram(c.Conn, c.buf)
	if err != nil {
		c.ended = err
		return 0, err
	}
	return copy(b, c.buf[:n]), nil
}

// Write implements net.Conn.
func (c *datagramConn) Write(b []byte) (int, error) {
	if len(b) > maxDatagram {
		return 0, syscall.EMSGSIZE
	}
	wire := append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) //nolint:gosec // checked
	if _, err := c.Conn.Write(wire); err != nil {
		return 0, err
	}
	return len(b), nil
}
