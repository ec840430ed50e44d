package network

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// gateway stands between one network's switch and the netstack. It looks at
// every frame first: the netstack sees only what is for the gateway itself.
type gateway struct {
	cfg    Config
	id     tcpip.NICID
	mac    mac
	addr   netip.Addr
	sw     *ethSwitch
	link   *link
	leases *leases
	all    []*gateway // of the lab, in the order of their configuration
	egress *egressLog

	net       *stack.Stack // set before the first frame comes
	resolving atomic.Int64 // packets that wait for a hardware address here
}

func newGateway(cfg Config, id tcpip.NICID, egress *egressLog, log *slog.Logger) (*gateway, error) {
	log = log.With("network", cfg.Name)
	leases, err := newLeases(cfg)
	if err != nil {
		return nil, err
	}
	g := &gateway{cfg: cfg, id: id, mac: gatewayMAC(cfg), addr: cfg.Gateway, leases: leases, egress: egress}
	g.sw = newSwitch(cfg.MTU, g.mac)
	g.sw.deliver, g.sw.log, leases.log = g.deliver, log, log
	g.link = &link{mtu: uint32(cfg.MTU), addr: tcpip.LinkAddress(g.mac[:]), send: g.sw.send} //nolint:gosec // checked before
	return g, nil
}

// gatewayMAC derives a hardware address from the network's name, so that
// machines that are forked with a warm ARP table find the gateway there.
func gatewayMAC(cfg Config) mac {
	for i := 0; ; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "patchlab gateway %s %d", cfg.Name, i))
		m := mac{0x52, 0x54, 0x00, sum[0], sum[1], sum[2]}
		used := false
		for _, h := range cfg.Hosts {
			used = used || mac(h.MAC) == m
		}
		if !used {
			return m
		}
	}
}

// deliver takes a frame that is for the gateway or for everybody. IPv6 and
// tagged frames are nobody's here.
func (g *gateway) deliver(frame []byte, from *port) {
	packet := frame[headerLen:]
	switch tcpip.NetworkProtocolNumber(binary.BigEndian.Uint16(frame[12:])) {
	case header.ARPProtocolNumber:
		if g.wantsARP(packet) {
			g.link.inject(header.ARPProtocolNumber, packet)
		}
	case header.IPv4ProtocolNumber:
		if ip, ok := parseIPv4(packet); ok {
			g.deliverIPv4(frame, ip, from)
		}
	}
}

// wantsARP leaves out the requests that are for others, which are most.
func (g *gateway) wantsARP(packet []byte) bool {
	arp := header.ARP(packet)
	return arp.IsValid() && (arp.Op() != header.ARPRequest || [4]byte(arp.ProtocolAddressTarget()) == g.addr.As4())
}

func (g *gateway) deliverIPv4(frame []byte, ip header.IPv4, from *port) {
	sender := mac(frame[6:])
	src, dst := netipAddr(ip.SourceAddress()), netipAddr(ip.DestinationAddress())
	if request, ok := g.dhcpRequest(ip, dst); ok {
		if wire := g.leases.answerFrame(request, g.mac, time.Now()); wire != nil {
			g.sw.send(wire)
		}
		return
	}
	if mac(frame) != g.mac || !answerable(dst) || g.broadcast(dst) {
		return
	}
	switch g.place(dst) {
	case reachable:
		switch {
		case !g.mayComeFrom(src):
		case g.owner(dst) != nil:
			g.link.inject(header.IPv4ProtocolNumber, ip)
		default:
			g.forward(ip, sender, from, g.networkOf(dst))
		}
	case barred:
		g.refuse(ip, sender, from)
	case outside:
		g.record(ip, sender)
		g.refuse(ip, sender, from)
	}
}

// place says what is at an address, seen from one network.
type place int

const (
	reachable place = iota + 1 // on this network, or on one it is routed to
	barred                     // on a network of the lab that is not routed
	outside                    // not in the lab
)

func (g *gateway) place(a netip.Addr) place {
	switch o := g.networkOf(a); {
	case o == nil:
		return outside
	case o == g, o.cfg.Routed && g.cfg.Routed:
		return reachable
	}
	return barred
}

// mayComeFrom reports whether a packet with this source may be passed on. A
// machine with several cards may well answer by another network than it was
// asked on; nobody may claim to be a gateway or from elsewhere.
func (g *gateway) mayComeFrom(a netip.Addr) bool {
	return g.place(a) == reachable && !g.broadcast(a) && g.owner(a) == nil
}

// broadcast reports whether a is the first or last address of a network of
// the lab.
func (g *gateway) broadcast(a netip.Addr) bool {
	o := g.networkOf(a)
	return o != nil && (a == o.cfg.Subnet.Addr() || a == lastAddr(o.cfg.Subnet))
}

// answerable reports whether a is the address of one station.
func answerable(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// record notes a packet that wanted to leave the lab.
func (g *gateway) record(ip header.IPv4, sender mac) {
	if !firstFragment(ip) {
		return // the first one told it all
	}
	src, dst := netipAddr(ip.SourceAddress()), netipAddr(ip.DestinationAddress())
	protocol, to := "ip/"+strconv.Itoa(int(ip.Protocol())), dst.String()
	body := ip.Payload()
	switch ip.TransportProtocol() {
	case header.TCPProtocolNumber:
		protocol = "tcp"
	case header.UDPProtocolNumber:
		protocol = "udp"
	case header.ICMPv4ProtocolNumber:
		protocol = "icmp"
	}
	if (protocol == "tcp" || protocol == "udp") && len(body) >= 4 {
		to = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(body[2:])).String()
	}
	g.egress.record(g.machineOf(sender, src), src, protocol, to)
}

// machineOf names the machine with a hardware address or, failing that, an
// address. It is empty for a stranger.
func (g *gateway) machineOf(m mac, a netip.Addr) string {
	if name := g.leases.machineByMAC(m); name != "" {
		return name
	}
	for _, o := range g.all {
		if name := o.leases.machineByAddr(a); name != "" {
			return name
		}
	}
	return ""
}
