package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// DialUDP opens a UDP connection from a network's gateway: each Write sends
// one datagram, each Read takes one from that address. It never blocks; the
// first of a name's addresses is taken. Addr and errors are those of Dial, but
// for the errno: a port that nobody listens on shows itself to Read, as
// ECONNREFUSED.
func (s *Stack) DialUDP(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := s.dialUDP(ctx, network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "udp", Err: err}
	}
	return conn, nil
}

func (s *Stack) dialUDP(ctx context.Context, network, addr string) (net.Conn, error) {
	g, err := s.gateway(network)
	if err != nil {
		return nil, err
	}
	targets, err := g.resolve(s.names.zone, addr)
	if err != nil {
		return nil, err
	}
	to := targets[0]
	if err := errors.Join(ctx.Err(), s.permits(g, to.Addr())); err != nil {
		return nil, err
	}
	return newUDPConn(s.net, g.addr, to)
}

// udpConn is gonet's, but a reader learns at once that nobody listens: gonet's
// waits for data alone.
type udpConn struct {
	*gonet.UDPConn
	ep      tcpip.Endpoint
	wq      *waiter.Queue
	entry   waiter.Entry
	refused atomic.Bool
}

func newUDPConn(net *stack.Stack, from netip.Addr, to netip.AddrPort) (*udpConn, error) {
	c := &udpConn{wq: new(waiter.Queue)}
	ep, terr := net.NewEndpoint(udp.ProtocolNumber, ipv4.ProtocolNumber, c.wq)
	if terr != nil {
		return nil, errnoOf(terr)
	}
	if terr = ep.Bind(tcpip.FullAddress{Addr: tcpipAddr(from)}); terr == nil {
		terr = ep.Connect(tcpip.FullAddress{Addr: tcpipAddr(to.Addr()), Port: to.Port()})
	}
	if terr != nil {
		ep.Close()
		return nil, errnoOf(terr)
	}
	c.ep, c.UDPConn = ep, gonet.NewUDPConn(c.wq, ep)
	c.entry = waiter.NewFunctionEntry(waiter.EventErr, func(waiter.EventMask) {
		c.refused.Store(true)
		_ = c.SetReadDeadline(time.Unix(1, 0))
	})
	c.wq.EventRegister(&c.entry)
	return c, nil
}

// Read implements net.Conn. After ECONNREFUSED, or whatever else ICMP told,
// there is no more.
func (c *udpConn) Read(b []byte) (int, error) {
	n, err := c.UDPConn.Read(b)
	if err == nil || !c.refused.Load() {
		return n, err
	}
	var cause error = syscall.ECONNREFUSED
	if terr := c.ep.LastError(); terr != nil {
		cause = errnoOf(terr)
	}
	return 0, &net.OpError{Op: "read", Net: "udp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: cause}
}

// Close implements net.Conn.
func (c *udpConn) Close() error {
	c.wq.EventUnregister(&c.entry)
	return c.UDPConn.Close()
}

// permits says why g's network cannot reach one station at a, if so.
func (s *Stack) permits(g *gateway, a netip.Addr) error {
	switch g.place(a) {
	case outside:
		return ErrOutside
	case barred:
		return ErrNotRouted
	case reachable:
	}
	if g.broadcast(a) {
		return syscall.EACCES
	}
	select {
	case <-s.closed:
		return net.ErrClosed
	default:
		return nil
	}
}
