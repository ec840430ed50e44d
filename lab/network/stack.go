package network

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"github.com/patchlab/patchlab/lab"
)

// Stack is the networks of one instance: a switch for each, and one gateway
// with an address on all of them. Its methods may be called at the same time.
type Stack struct {
	gateways []*gateway
	net      *stack.Stack
	names    *nameServer
	egress   *egressLog

	closing sync.Once
	closed  chan struct{}
}

// New starts the networks of an instance. Log gets the ports that end in error
// and addresses that machines decline; nil drops it. The error names everything that is wrong with
// configs; nothing is left then.
func New(configs []Config, log *slog.Logger) (*Stack, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := checkConfigs(configs); err != nil {
		return nil, fmt.Errorf("cannot start the lab's network: %w", err)
	}
	s := &Stack{egress: newEgressLog(), closed: make(chan struct{})}
	for i, c := range configs {
		g, err := newGateway(c, tcpip.NICID(i+1), s.egress, log)
		if err != nil {
			return nil, fmt.Errorf("cannot start the lab's network: %w", err)
		}
		s.gateways = append(s.gateways, g)
	}
	for _, g := range s.gateways {
		g.all = s.gateways
	}
	if err := s.start(); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("cannot start the lab's network: %w", err)
	}
	return s, nil
}

// start puts the gateways on a netstack and serves DNS there. The netstack
// knows no way but to the lab's networks.
func (s *Stack) start() error {
	s.net = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{arp.NewProtocol, ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
		HandleLocal:        true, // the gateway asks its own DNS
	})
	sack := tcpip.TCPSACKEnabled(true)
	if err := s.net.SetTransportProtocolOption(tcp.ProtocolNumber, &sack); err != nil {
		return fmt.Errorf("cannot set up TCP: %s", err)
	}
	var routes []tcpip.Route
	for _, g := range s.gateways {
		route, err := addNIC(s.net, g)
		if err != nil {
			return fmt.Errorf("network %q: %w", g.cfg.Name, err)
		}
		routes = append(routes, route)
	}
	s.net.SetRouteTable(routes)
	// It is never given a packet to forward, but without this it would not
	// answer at one network's address what comes from another.
	if err := s.net.SetForwardingDefaultAndAllNICs(ipv4.ProtocolNumber, true); err != nil {
		return fmt.Errorf("cannot forward: %s", err)
	}
	var err error
	s.names, err = serveNames(s.net, newZone(s.gateways), s.egress)
	return err
}

// addNIC gives the netstack a card on g's switch, and returns the route to
// what is there.
func addNIC(net *stack.Stack, g *gateway) (tcpip.Route, error) {
	g.net = net
	if err := net.CreateNIC(g.id, g.link); err != nil {
		return tcpip.Route{}, fmt.Errorf("cannot add a card: %s", err)
	}
	addr := tcpip.AddressWithPrefix{Address: tcpipAddr(g.addr), PrefixLen: g.cfg.Subnet.Bits()}
	err := net.AddProtocolAddress(g.id, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: addr}, stack.AddressProperties{})
	if err != nil {
		return tcpip.Route{}, fmt.Errorf("cannot set address %s: %s", g.addr, err)
	}
	return tcpip.Route{Destination: addr.Subnet(), NIC: g.id}, nil
}

// ErrUnknownNetwork is an error for a network's name that is not of the
// instance.
var ErrUnknownNetwork = errors.New("no such network")

func (s *Stack) gateway(network string) (*gateway, error) {
	for _, g := range s.gateways {
		if g.cfg.Name == network {
			return g, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownNetwork, network)
}

// Attach makes conn, which carries QEMU's framing (each frame behind its
// length, 4 bytes, big-endian), a port of a network's switch. Conn belongs to
// the Stack from then on, also when there is an error. The port goes when the
// connection ends: the channel then gives the reason, nil when the other side
// closed it, and is closed. When the Stack is closed the reason wraps
// net.ErrClosed.
func (s *Stack) Attach(network string, conn net.Conn) (<-chan error, error) {
	g, err := s.gateway(network)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("cannot attach a port: %w", err)
	}
	ended, err := g.sw.attach(conn)
	if err != nil {
		return nil, fmt.Errorf("cannot attach a port to network %q: %w", network, err)
	}
	return ended, nil
}

// Address returns where a machine is: its first NIC's network and address,
// declared or of the pool. The first NIC is the one with the default route.
func (s *Stack) Address(machine string) (network string, addr netip.Addr, ok bool) {
	for _, g := range s.gateways {
		for i, h := range g.cfg.Hosts {
			if h.Machine == machine && (h.Default || !ok) {
				network, addr, ok = g.cfg.Name, g.leases.address(i), true
				if h.Default {
					return network, addr, ok
				}
			}
		}
	}
	return network, addr, ok
}

// Egress returns what was refused because it wanted to leave the lab, most
// frequent first. The slice is the caller's.
func (s *Stack) Egress() []lab.EgressAttempt { return s.egress.attempts() }

// Close ends every port and connection and waits until nothing runs any more.
// It may be called again, and always returns nil.
func (s *Stack) Close() error {
	s.closing.Do(func() {
		defer close(s.closed)
		for _, g := range s.gateways {
			g.sw.close() // first: nothing may reach a netstack that is going
		}
		if s.names != nil {
			s.names.close()
		}
		if s.net != nil {
			s.net.Destroy()
		}
	})
	<-s.closed
	return nil
}
