// Package network is a customer's network in user space: one learning
// Ethernet switch for each network of an instance, and on gVisor's netstack
// the gateway that has the customer's address, with DHCP and DNS.
//
// Machines are attached by unix stream sockets that carry QEMU's framing. No
// packet leaves the process: what is addressed outside the lab is refused and
// recorded. The package knows nothing of libvirt, SSH or instances' folders.
//
// The way of a frame: port (reads, checks) → ingress (learns, decides) →
// queue of another port (drops when full, writes), or gateway. The gateway
// looks at each packet: DHCP is answered there, other networks of the lab are
// routed to, what is for its own address goes to the netstack (ARP, ping, DNS,
// connections of Dial), the rest is refused.
//
// IPv6 frames are switched, but the gateway takes no part in IPv6.
package network

import (
	"net"
	"net/netip"
)

// Config is one network of an instance.
type Config struct {
	Name    string       `json:"name"`
	Subnet  netip.Prefix `json:"subnet"`  // IPv4
	Gateway netip.Addr   `json:"gateway"` // inside Subnet
	Domain  string       `json:"domain"`  // without a trailing dot
	MTU     int          `json:"mtu"`     // bytes of IP packet, without the Ethernet header
	Routed  bool         `json:"routed"`  // forward to and from the other routed networks of the instance
	Hosts   []Host       `json:"hosts"`   // the NICs on this network
}

// Host is one NIC on a network, as DHCP and DNS know it.
type Host struct {
	Machine string     `json:"machine"`
	MAC     MAC        `json:"mac"`
	Address netip.Addr `json:"address,omitzero"` // zero: from the pool
	Names   []string   `json:"names,omitempty"`  // further names, relative to the domain
	Default bool       `json:"default"`          // whether DHCP offers this NIC a default route
}

// MAC is a hardware address that is written "52:54:00:…" in JSON.
type MAC net.HardwareAddr

// String writes the address with colons.
func (m MAC) String() string { return net.HardwareAddr(m).String() }

// MarshalText writes the address with colons.
func (m MAC) MarshalText() ([]byte, error) { return []byte(net.HardwareAddr(m).String()), nil }

// UnmarshalText reads what MarshalText writes.
func (m *MAC) UnmarshalText(b []byte) error {
	a, err := net.ParseMAC(string(b))
	*m = MAC(a)
	return err
}
