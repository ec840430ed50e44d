package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	dnsPort      = 53
	maxDNSConns  = 64               // TCP connections at once on one network
	dnsIdleLimit = 10 * time.Second // of such a connection
)

// nameServer serves DNS on every gateway, on UDP and TCP.
type nameServer struct {
	zone    *zone
	closers []io.Closer
	running sync.WaitGroup
}

func serveNames(netstack *stack.Stack, z *zone, egress *egressLog) (*nameServer, error) {
	n := &nameServer{zone: z}
	for _, g := range z.gateways {
		r := &resolver{zone: z, gateway: g, egress: egress}
		addr := tcpip.FullAddress{Addr: tcpipAddr(g.addr), Port: dnsPort}
		udp, err := gonet.DialUDP(netstack, &addr, nil, ipv4.ProtocolNumber)
		if err != nil {
			n.close()
			return nil, fmt.Errorf("cannot serve DNS on network %q: %w", g.cfg.Name, err)
		}
		n.closers = append(n.closers, udp)
		n.running.Go(func() { serveUDP(udp, r) })
		tcp, err := gonet.ListenTCP(netstack, addr, ipv4.ProtocolNumber)
		if err != nil {
			n.close()
			return nil, fmt.Errorf("cannot serve DNS on network %q: %w", g.cfg.Name, err)
		}
		conns := newConnSet(maxDNSConns)
		n.closers = append(n.closers, tcp, conns)
		n.running.Go(func() { serveTCP(tcp, conns, r) })
	}
	return n, nil
}

// close ends the server and its connections, and waits for them.
func (n *nameServer) close() {
	for _, c := range n.closers {
		_ = c.Close()
	}
	n.running.Wait()
}

// serveUDP answers one datagram after the other until conn is closed.
func serveUDP(conn net.PacketConn, r *resolver) {
	buf := make([]byte, 64<<10)
	for {
		size, from, err := conn.ReadFrom(buf)
		if err != nil {
			return // there is no error on a bound socket but that it is closed
		}
		if reply := r.answer(buf[:size], addrOf(from), true); reply != nil {
			_, _ = conn.WriteTo(reply, from) // the client asks again
		}
	}
}

// serveTCP accepts connections until l is closed, and waits for them to end.
func serveTCP(l net.Listener, conns *connSet, r *resolver) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !conns.add(conn) {
			_ = conn.Close()
			continue
		}
		running.Go(func() {
			defer conns.remove(conn)
			_ = serveConn(conn, r) // the client's fault, or its end
		})
	}
}

// serveConn answers the requests of one connection, each behind its length.
func serveConn(conn net.Conn, r *resolver) error {
	client := addrOf(conn.RemoteAddr())
	var prefix [2]byte
	for {
		if err := conn.SetDeadline(time.Now().Add(dnsIdleLimit)); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, prefix[:]); err != nil {
			return err
		}
		request := make([]byte, binary.BigEndian.Uint16(prefix[:]))
		if _, err := io.ReadFull(conn, request); err != nil {
			return err
		}
		reply := r.answer(request, client, false)
		if reply == nil {
			return errors.New("no request")
		}
		reply = append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...) //nolint:gosec // at most a DNS message
		if _, err := conn.Write(reply); err != nil {
			return err
		}
	}
}

// addrOf returns the IPv4 address of a UDP or TCP address.
func addrOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return ap.Addr().Unmap()
}

// connSet holds open connections, up to a limit, so that they can be closed.
type connSet struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	limit  int
	closed bool
}

func newConnSet(limit int) *connSet { return &connSet{conns: make(map[net.Conn]bool), limit: limit} }

// add takes c unless there are too many.
func (s *connSet) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= s.limit {
		return false
	}
	s.conns[c] = true
	return true
}

// remove closes c.
func (s *connSet) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	_ = c.Close()
}

// Close closes all connections and takes no more.
func (s *connSet) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	return nil
}
