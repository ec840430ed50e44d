package hcl

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// checkHostKeys reports ssh checks of hosts whose key nobody knows: only those
// of the lab's machines are known.
func (b *builder) checkHostKeys() {
	var known map[string]bool
	for _, c := range b.lab.Checks {
		for _, s := range specs(c.Spec) {
			k, ok := s.(*lab.SSHCheck)
			if !ok || k == nil || k.Insecure || k.HostKey != "" || k.Host == "" {
				continue
			}
			if known == nil {
				known = b.hosts()
			}
			if !known[strings.ToLower(strings.TrimSuffix(k.Host, "."))] {
				b.fail(b.places.checks[c], nil, "Unknown host key", fmt.Sprintf(
					"The ssh block of check %q connects to %q, which is no machine of the lab: it needs \"host_key\", or insecure = true.", c.Name, k.Host))
			}
		}
	}
}

// specs returns what a check asserts, one by one.
func specs(s lab.CheckSpec) []lab.CheckSpec {
	if c, ok := s.(*lab.CombinedCheck); ok {
		return c.Members
	}
	return []lab.CheckSpec{s}
}

// hosts are the names and addresses of the lab's machines.
func (b *builder) hosts() map[string]bool {
	known := map[string]bool{}
	for _, c := range b.nics() {
		if c.nic.Address.IsValid() {
			known[c.nic.Address.String()] = true
		}
		for _, name := range append([]string{c.m.Name}, c.nic.Names...) {
			known[name] = true
			if c.nic.Network != nil {
				known[name+"."+c.nic.Network.Domain] = true
			}
		}
	}
	return known
}
