package suggest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// skipped are ports that say nothing: SSH and WinRM, which a run needs
// anyway, and the doors of Windows' own services.
var skipped = []uint16{22, 135, 139, 5985, 5986, 47001}

// firstEphemeral begins the ports that Windows gives its services anew at
// each boot.
const firstEphemeral = 49152

// webPorts are those where web servers usually are.
var webPorts = []uint16{80, 443, 3000, 5000, 8000, 8008, 8080, 8443, 8888, 9000, 9090, 9443}

// ports proposes what can be reached of a machine over the network.
func (s *suggester) ports(ctx context.Context, m *lab.Machine, f facts) ([]proposal, error) {
	var out []proposal
	done, seen := map[uint16]bool{}, map[string]bool{}
	for _, at := range f.ports {
		port := at.Port()
		nic, ok := nicFor(m, at.Addr())
		if !ok || done[port] || slices.Contains(skipped, port) || m.Image.OS == lab.Windows && port >= firstEphemeral {
			continue
		}
		done[port] = true
		if !slices.Contains(webPorts, port) {
			out = append(out, s.port(m, nic, port)...)
			continue
		}
		more, err := s.web(ctx, m, nic, port, f, seen)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// nicFor is the NIC by which a listening address is reached.
func nicFor(m *lab.Machine, at netip.Addr) (lab.NIC, bool) {
	if at.IsUnspecified() {
		return m.NICs[0], true
	}
	i := slices.IndexFunc(m.NICs, func(n lab.NIC) bool { return n.Address == at })
	if i < 0 {
		return lab.NIC{}, false
	}
	return m.NICs[i], true
}

// port proposes what can be asked at one port that is not the web's.
func (s *suggester) port(m *lab.Machine, nic lab.NIC, port uint16) []proposal {
	host := m.Name + "." + nic.Network.Domain
	tcp := &lab.TCPCheck{Host: host, Port: int(port)}
	what := fmt.Sprintf("port %d", port)
	switch port {
	case 25, 587:
		smtp := &lab.SMTPCheck{Server: lab.Server{Host: host, Port: int(port), Security: lab.Plain}}
		return []proposal{s.toward(m, nic, "mail server on "+what, smtp, tcp)}
	case 110, 143:
		greeting := &lab.TCPCheck{Host: host, Port: int(port), Expect: lab.Match{Regexp: `^(\* OK|\+OK)`}}
		return []proposal{s.toward(m, nic, "mailboxes on "+what, greeting, tcp)}
	case 465, 636, 993, 995, 5061, 6514:
		return []proposal{s.toward(m, nic, what, tcp), s.certificate(m, nic, port, host)}
	}
	return []proposal{s.toward(m, nic, what, tcp)}
}

// certificate proposes that a port's certificate is good for some time, best
// one that verifies.
func (s *suggester) certificate(m *lab.Machine, nic lab.NIC, port uint16, host string) proposal {
	var specs []lab.CheckSpec
	for _, insecure := range []bool{false, true} {
		for _, days := range []float64{14, 1} {
			specs = append(specs, &lab.TLSCheck{
				Server:   lab.Server{Host: host, Port: int(port), Security: lab.TLS, Insecure: insecure},
				Name:     host,
				DaysLeft: lab.Range{Min: &days},
			})
		}
	}
	return s.toward(m, nic, fmt.Sprintf("certificate of %s on port %d", host, port), specs...)
}

// web proposes the web sites at a port, with their pages but those that seen
// names. What speaks no HTTP is a TCP port.
func (s *suggester) web(ctx context.Context, m *lab.Machine, nic lab.NIC, port uint16, f facts, seen map[string]bool) ([]proposal, error) {
	host := m.Name + "." + nic.Network.Domain
	from, dialer := s.viewpoint(m, nic)
	found, err := s.webSites(ctx, m, nic, port, f)
	if err != nil {
		return nil, err
	}
	var out []proposal
	add := func(p page) {
		spec := &lab.HTTPCheck{URL: p.url, Method: "GET", Status: p.status, Insecure: p.insecure}
		if p.text != "" {
			spec.Body = lab.Match{Contains: p.text}
		}
		out = append(out, proposal{[]*lab.Check{from(fmt.Sprintf("%s: %s answers", m.Name, spec.URL), spec)}})
	}
	files := forSites(f.web, found)
	secure := false
	for i, st := range found {
		secure = secure || st.scheme == "https"
		add(st.page)
		s.progress.Step(m.Name + ": pages of " + st.host)
		for _, p := range st.pages(ctx, dialer, files[i]) {
			// The same site over TLS has the same pages.
			if key := st.host + p.url[len(st.url)-1:] + "\n" + p.text; !seen[key] {
				seen[key] = true
				add(p)
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	if len(out) == 0 {
		out = append(out, s.toward(m, nic, fmt.Sprintf("port %d", port), &lab.TCPCheck{Host: host, Port: int(port)}))
	}
	if secure {
		out = append(out, s.certificate(m, nic, port, host))
	}
	return out, nil
}

// webSites looks for the web sites at a port: under the machine's own names,
// those of its NIC first, and under those in the servers' configuration. Of
// several names of the same, one is enough.
func (s *suggester) webSites(ctx context.Context, m *lab.Machine, nic lab.NIC, port uint16, f facts) ([]site, error) {
	_, dialer := s.viewpoint(m, nic)
	var own []string
	for _, n := range append(slices.Clone(nic.Names), m.Name) {
		own = append(own, n+"."+nic.Network.Domain)
	}
	names := own
	for _, n := range f.sites {
		if !slices.Contains(own, n) {
			names = append(names, n)
		}
	}
	var out []site
	for _, name := range names[:min(len(names), maxSites)] {
		st, err := fetch(ctx, dialer, name, port)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil || st.status >= 500 {
			continue
		}
		if !slices.ContainsFunc(out, func(o site) bool {
			return o.status == st.status && o.text == st.text && sameSite(o.host, name, own, f.web)
		}) {
			out = append(out, st)
		}
	}
	return out, nil
}

// sameSite reports whether two names are of one site: of the machine itself,
// or of a site in a server's configuration.
func sameSite(a, b string, own []string, web []webSite) bool {
	return slices.Contains(own, a) && slices.Contains(own, b) || slices.ContainsFunc(web, func(w webSite) bool {
		return slices.Contains(w.names, a) && slices.Contains(w.names, b)
	})
}

// viewpoint is where a machine's web sites are looked at from, with what makes
// a check from there.
func (s *suggester) viewpoint(m *lab.Machine, nic lab.NIC) (check func(name string, spec lab.CheckSpec) *lab.Check, d lab.Dialer) {
	if peer := s.peer(m, nic.Network); peer != nil {
		return func(name string, spec lab.CheckSpec) *lab.Check { return on(peer, name+", from "+peer.Name, spec) }, s.inst.Guest(peer)
	}
	return func(name string, spec lab.CheckSpec) *lab.Check {
		c := on(nil, name, spec)
		c.FromNet = nic.Network
		return c
	}, s.inst.Gateway(nic.Network)
}
