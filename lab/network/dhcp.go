package network

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// dhcpRequest returns the DHCP message in a packet for the DHCP server of
// this network.
func (g *gateway) dhcpRequest(ip header.IPv4, dst netip.Addr) (message []byte, ok bool) {
	if ip.TransportProtocol() != header.UDPProtocolNumber || ip.More() || !firstFragment(ip) {
		return nil, false
	}
	if dst != g.addr && answerable(dst) && dst != lastAddr(g.cfg.Subnet) {
		return nil, false
	}
	udp := header.UDP(ip.Payload())
	if len(udp) < header.UDPMinimumSize || udp.DestinationPort() != dhcpv4.ServerPort {
		return nil, false
	}
	if size := int(udp.Length()); size >= header.UDPMinimumSize && size <= len(udp) {
		udp = udp[:size]
		payload := udp.Payload()
		if udp.Checksum() == 0 || udp.IsChecksumValid(ip.SourceAddress(), ip.DestinationAddress(), checksum.Checksum(payload, 0)) {
			return payload, true
		}
	}
	return nil, true
}

// answerFrame returns the frame that answers a DHCP message, or nil.
func (l *leases) answerFrame(message []byte, gateway mac, now time.Time) []byte {
	req, err := dhcpv4.FromBytes(message)
	if err != nil {
		return nil
	}
	resp := l.answer(req, now)
	if resp == nil {
		return nil
	}
	everybody := mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	client, to := mac(req.ClientHWAddr), netip.AddrFrom4([4]byte{255, 255, 255, 255})
	switch {
	case resp.MessageType() == dhcpv4.MessageTypeNak:
		client = everybody
	case !req.ClientIPAddr.IsUnspecified():
		to = fromIP(req.ClientIPAddr)
	case req.IsBroadcast():
		client = everybody
	default:
		to = fromIP(resp.YourIPAddr)
	}
	if !answerable(to) && client != everybody {
		client = everybody
	}
	from := netip.AddrPortFrom(l.cfg.Gateway, dhcpv4.ServerPort)
	return newUDPFrame(client, gateway, from, netip.AddrPortFrom(to, dhcpv4.ClientPort), resp.ToBytes())
}

// answer is the DHCP server: it returns the answer to a request, nil when
// there is none.
func (l *leases) answer(req *dhcpv4.DHCPv4, now time.Time) *dhcpv4.DHCPv4 {
	if req.OpCode != dhcpv4.OpcodeBootRequest || req.HWType != iana.HWTypeEthernet || len(req.ClientHWAddr) != 6 {
		return nil
	}
	client := mac(req.ClientHWAddr)
	if client.group() || !isZero(req.GatewayIPAddr) || client == (mac{}) {
		return nil // relayed, or from nobody
	}
	if id := req.ServerIdentifier(); !isZero(id) && fromIP(id) != l.cfg.Gateway {
		return nil // for another server
	}
	switch req.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		a, ok := l.grant(client, fromIP(req.RequestedIPAddress()), offerTime, now)
		if !ok {
			return nil
		}
		return l.reply(req, dhcpv4.MessageTypeOffer, a)
	case dhcpv4.MessageTypeRequest:
		return l.answerRequest(req, client, now)
	case dhcpv4.MessageTypeInform:
		return l.reply(req, dhcpv4.MessageTypeAck, netip.Addr{})
	case dhcpv4.MessageTypeRelease:
		l.release(client, fromIP(req.ClientIPAddr))
	case dhcpv4.MessageTypeDecline:
		l.decline(client, fromIP(req.RequestedIPAddress()))
	}
	return nil
}

// answerRequest acknowledges the address a client asks for when it may have
// it, and refuses it otherwise.
func (l *leases) answerRequest(req *dhcpv4.DHCPv4, client mac, now time.Time) *dhcpv4.DHCPv4 {
	want := fromIP(req.RequestedIPAddress())
	if !answerable(want) {
		want = fromIP(req.ClientIPAddr)
	}
	if !answerable(want) {
		return nil
	}
	if a, ok := l.grant(client, want, leaseTime, now); !ok || a != want {
		return l.reply(req, dhcpv4.MessageTypeNak, netip.Addr{})
	}
	return l.reply(req, dhcpv4.MessageTypeAck, want)
}

// reply builds an answer that gives a, the zero Addr for none.
func (l *leases) reply(req *dhcpv4.DHCPv4, kind dhcpv4.MessageType, a netip.Addr) *dhcpv4.DHCPv4 {
	server := net.IP(l.cfg.Gateway.AsSlice())
	mods := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server)),
	}
	if kind != dhcpv4.MessageTypeNak {
		mods = append(mods, l.options(mac(req.ClientHWAddr))...)
	}
	if a.IsValid() {
		mods = append(mods, dhcpv4.WithYourIP(a.AsSlice()), dhcpv4.WithServerIP(server),
			dhcpv4.WithOption(dhcpv4.OptIPAddressLeaseTime(leaseTime)),
			dhcpv4.WithOption(dhcpv4.OptRenewTimeValue(leaseTime/2)),
			dhcpv4.WithOption(dhcpv4.OptRebindingTimeValue(leaseTime/8*7)))
	}
	resp, err := dhcpv4.NewReplyFromRequest(req, mods...)
	if err != nil {
		return nil // req is no request
	}
	return resp
}

// options are what a client is told about the network.
func (l *leases) options(client mac) []dhcpv4.Modifier {
	gateway := net.IP(l.cfg.Gateway.AsSlice())
	mtu := binary.BigEndian.AppendUint16(nil, uint16(l.cfg.MTU)) //nolint:gosec // checked before
	mods := []dhcpv4.Modifier{
		dhcpv4.WithNetmask(net.CIDRMask(l.cfg.Subnet.Bits(), 32)),
		dhcpv4.WithDNS(gateway),
		dhcpv4.WithOption(dhcpv4.OptDomainName(l.cfg.Domain)),
		dhcpv4.WithOption(dhcpv4.OptBroadcastAddress(lastAddr(l.cfg.Subnet).AsSlice())),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, mtu)),
	}
	if i, known := l.byMAC[client]; !known || l.cfg.Hosts[i].Default {
		mods = append(mods, dhcpv4.WithRouter(gateway))
	}
	return mods
}

// fromIP converts an IPv4 address; nil becomes 0.0.0.0.
func fromIP(ip net.IP) netip.Addr {
	if v4 := ip.To4(); v4 != nil {
		return netip.AddrFrom4([4]byte(v4))
	}
	return netip.IPv4Unspecified()
}

func isZero(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }
