package suggest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// propose lists what may be checked of a machine, in a fixed order.
func (s *suggester) propose(ctx context.Context, m *lab.Machine, f facts) ([]proposal, error) {
	out := services(m, f)
	network, err := s.ports(ctx, m, f)
	if err != nil {
		return nil, err
	}
	out = append(out, network...)
	out = append(out, databases(m, f)...)
	for _, site := range f.iis {
		out = append(out, proposal{[]*lab.Check{on(m, m.Name+": IIS site "+site+" is started", &lab.IISSiteCheck{Name: site, State: "Started"})}})
	}
	out = append(out, s.names(m)...)
	out = append(out, room(m, f)...)
	log := on(m, m.Name+": no new errors in the log", &lab.LogCheck{Priority: logPriority(m)})
	log.Severity = lab.Warning
	return append(out,
		proposal{[]*lab.Check{log}},
		proposal{[]*lab.Check{on(m, m.Name+": no reboot is pending", &lab.RebootCheck{})}},
	), nil
}

func logPriority(m *lab.Machine) string {
	if m.Image.OS == lab.Windows {
		return "error"
	}
	return "err"
}

// on makes a check from machine m, with the language's defaults.
func on(m *lab.Machine, name string, spec lab.CheckSpec) *lab.Check {
	return &lab.Check{
		Name: name, From: m, Spec: spec,
		Timeout: checkTimeout, Retries: 2, Interval: 2 * time.Second, Severity: lab.Critical,
	}
}

// services proposes that what runs goes on running.
func services(m *lab.Machine, f facts) []proposal {
	var out []proposal
	yes := true
	for _, v := range f.services {
		spec := &lab.ServiceCheck{Unit: v.name, Active: &yes}
		text := "runs"
		if v.enabled {
			spec.Enabled, text = &yes, "runs and is started at boot"
		}
		out = append(out, proposal{[]*lab.Check{on(m, fmt.Sprintf("%s: %s %s", m.Name, v.name, text), spec)}})
	}
	return out
}

// names proposes that the names of a machine lead to its addresses.
func (s *suggester) names(m *lab.Machine) []proposal {
	var out []proposal
	for _, nic := range m.NICs {
		if !nic.Address.IsValid() {
			continue
		}
		for _, n := range append([]string{m.Name}, nic.Names...) {
			name := n + "." + nic.Network.Domain
			spec := &lab.DNSCheck{Name: name, Type: "A", Rcode: "NOERROR", Answers: []string{nic.Address.String()}}
			out = append(out, s.toward(m, nic, "name "+name, spec))
		}
	}
	return out
}

// room proposes that file systems keep some room. 5 % is what ext4 keeps for
// root.
func room(m *lab.Machine, f facts) []proposal {
	var out []proposal
	for _, at := range f.mounts {
		var p proposal
		for _, percent := range []float64{10, 5, 1} {
			p.checks = append(p.checks, on(m, fmt.Sprintf("%s: %s has room", m.Name, at),
				&lab.DiskCheck{Path: at, FreePercent: lab.Range{Min: &percent}}))
		}
		out = append(out, p)
	}
	return out
}

// toward proposes checks of machine m over its NIC: from another machine on
// the same network, else from the gateway. Of several specs the first that
// passes is taken.
func (s *suggester) toward(m *lab.Machine, nic lab.NIC, what string, specs ...lab.CheckSpec) proposal {
	var p proposal
	peer := s.peer(m, nic.Network)
	for _, spec := range specs {
		if peer != nil {
			p.checks = append(p.checks, on(peer, fmt.Sprintf("%s: %s, from %s", m.Name, what, peer.Name), spec))
		}
		c := on(nil, fmt.Sprintf("%s: %s", m.Name, what), spec)
		c.FromNet = nic.Network
		p.checks = append(p.checks, c)
	}
	return p
}

// peer is the first other Linux machine on n; nil: there is none.
func (s *suggester) peer(m *lab.Machine, n *lab.Network) *lab.Machine {
	i := slices.IndexFunc(s.lab.Machines, func(o *lab.Machine) bool {
		return o != m && o.Image.OS == lab.Linux &&
			slices.ContainsFunc(o.NICs, func(c lab.NIC) bool { return c.Network == n })
	})
	if i < 0 {
		return nil
	}
	return s.lab.Machines[i]
}
