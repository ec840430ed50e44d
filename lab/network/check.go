package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"
)

const (
	minMTU = 576 // what everybody on IPv4 must accept
	maxMTU = 65521
)

// checkConfigs reports everything that is wrong with the networks of a lab.
func checkConfigs(configs []Config) error {
	var errs []error
	for i, c := range configs {
		for _, err := range checkConfig(c) {
			errs = append(errs, fmt.Errorf("network %q: %w", c.Name, err))
		}
		for _, o := range configs[:i] {
			if o.Name == c.Name {
				errs = append(errs, fmt.Errorf("network %q: its name is used twice", c.Name))
			}
			if o.Subnet.Overlaps(c.Subnet) {
				errs = append(errs, fmt.Errorf("network %q: its subnet %s overlaps %s of network %q", c.Name, c.Subnet, o.Subnet, o.Name))
			}
		}
	}
	return errors.Join(errs...)
}

func checkConfig(c Config) []error {
	if !c.Subnet.IsValid() || !c.Subnet.Addr().Is4() || c.Subnet.Bits() > 30 || c.Subnet.Masked() != c.Subnet {
		return []error{fmt.Errorf("subnet %s is no IPv4 network of 4 addresses or more", c.Subnet)}
	}
	var errs []error
	if !hostAddr(c.Subnet, c.Gateway) {
		errs = append(errs, fmt.Errorf("gateway %s is no host address of %s", c.Gateway, c.Subnet))
	}
	if c.MTU < minMTU || c.MTU > maxMTU {
		errs = append(errs, fmt.Errorf("mtu %d is not between %d and %d", c.MTU, minMTU, maxMTU))
	}
	if _, ok := dns.IsDomainName(c.Domain); !ok || c.Domain == "" {
		errs = append(errs, fmt.Errorf("domain %q is no domain name", c.Domain))
	}
	macs, addrs := map[mac]bool{}, map[netip.Addr]bool{c.Gateway: true}
	for _, h := range c.Hosts {
		if len(h.MAC) != 6 || mac(h.MAC).group() || macs[mac(h.MAC)] {
			errs = append(errs, fmt.Errorf("machine %q: hardware address %s is not valid or used twice", h.Machine, h.MAC))
		} else {
			macs[mac(h.MAC)] = true
		}
		if !h.Address.IsValid() {
			continue
		}
		if !hostAddr(c.Subnet, h.Address) || addrs[h.Address] {
			errs = append(errs, fmt.Errorf("machine %q: address %s is no host address of %s or used twice", h.Machine, h.Address, c.Subnet))
		}
		addrs[h.Address] = true
	}
	return errs
}

// hostAddr reports whether a station may have address a in subnet.
func hostAddr(subnet netip.Prefix, a netip.Addr) bool {
	return subnet.Contains(a) && a != subnet.Addr() && a != lastAddr(subnet)
}
