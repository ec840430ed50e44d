package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Errors of Dial, beside those of the connection itself.
var (
	// ErrOutside is an error for an address that is not in the lab.
	ErrOutside = errors.New("the address is outside the lab")
	// ErrNotRouted is an error for an address of a network of the lab that
	// the one dialled from is not routed to.
	ErrNotRouted = errors.New("the networks are not routed to each other")
)

// Dial opens a TCP connection from a network's gateway. Addr is "host:port",
// with a number for the port; the host may be a name, which is resolved as
// DNS does on that network.
//
// The error is a *net.OpError that wraps ctx's error, ErrUnknownNetwork,
// ErrOutside, ErrNotRouted, a *net.DNSError (IsNotFound), or the errno that a
// system would give: ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH when nobody has the
// address, ECONNRESET. The connection has deadlines and, as
// interface{ CloseWrite() error }, a half-close.
func (s *Stack) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	g, err := s.gateway(network)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	targets, err := g.resolve(s.names.zone, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	var errs []error
	for _, t := range targets {
		conn, err := s.dialTo(ctx, g, t)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(t), Err: err})
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) == 1 {
		return nil, errs[0]
	}
	return nil, errors.Join(errs...)
}

// resolve returns the addresses that "host:port" means on g's network: at
// least one.
func (g *gateway) resolve(z *zone, addr string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("%q is no port number", service)
	}
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, a.Unmap())
	} else if addrs = z.addresses(g, host); len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: g.addr.String(), IsNotFound: true}
	}
	targets := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		targets[i] = netip.AddrPortFrom(a, uint16(port))
	}
	return targets, nil
}

func (s *Stack) dialTo(ctx context.Context, g *gateway, to netip.AddrPort) (net.Conn, error) {
	if err := s.permits(g, to.Addr()); err != nil {
		return nil, err
	}
	return dialTCP(ctx, s.net, g.addr, to)
}

// dialTCP is gonet's, with errors that can be told apart.
func dialTCP(ctx context.Context, net *stack.Stack, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var wq waiter.Queue
	ep, terr := net.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &wq)
	if terr != nil {
		return nil, errnoOf(terr)
	}
	entry, writable := waiter.NewChannelEntry(waiter.WritableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	if terr = ep.Bind(tcpip.FullAddress{Addr: tcpipAddr(from)}); terr == nil {
		terr = ep.Connect(tcpip.FullAddress{Addr: tcpipAddr(to.Addr()), Port: to.Port()})
	}
	if _, started := terr.(*tcpip.ErrConnectStarted); started {
		select {
		case <-ctx.Done():
			ep.Abort()
			return nil, ctx.Err()
		case <-writable:
			terr = ep.LastError()
		}
	}
	if terr != nil {
		ep.Close()
		return nil, errnoOf(terr)
	}
	return gonet.NewTCPConn(&wq, ep), nil
}

// errnoOf translates the netstack's errors into the system's.
func errnoOf(err tcpip.Error) error {
	switch err.(type) {
	case *tcpip.ErrConnectionRefused:
		return syscall.ECONNREFUSED
	case *tcpip.ErrTimeout:
		return syscall.ETIMEDOUT
	case *tcpip.ErrHostUnreachable, *tcpip.ErrHostDown:
		return syscall.EHOSTUNREACH
	case *tcpip.ErrNetworkUnreachable, *tcpip.ErrNoNet:
		return syscall.ENETUNREACH
	case *tcpip.ErrConnectionReset:
		return syscall.ECONNRESET
	case *tcpip.ErrConnectionAborted, *tcpip.ErrAborted:
		return syscall.ECONNABORTED
	case *tcpip.ErrNoPortAvailable, *tcpip.ErrPortInUse:
		return syscall.EADDRNOTAVAIL
	}
	return errors.New(err.String())
}
