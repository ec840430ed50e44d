// Package suggest looks at a healthy instance of a lab and proposes checks for
// it: services, ports, web sites, certificates, databases, mail, names, room
// on the disks, errors in the logs.
//
// Each proposal is made once, and only what passes is suggested. It does not
// know what matters to the customer: a suggestion is for a human to read.
package suggest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
)

// Instance is a running copy of a lab, as lab.Instance.
type Instance interface {
	// Guest is machine m, connected.
	Guest(m *lab.Machine) lab.Guest
	// Gateway dials into the lab from n's gateway.
	Gateway(n *lab.Network) lab.Dialer
}

// Suggestion is a check that was made and passed.
type Suggestion struct {
	Comment string // one line: what was seen
	Check   *lab.Check
}

const (
	machinesAtOnce = 4
	checksAtOnce   = 4
	checkTimeout   = 30 * time.Second // what a suggested check has
	// A check is made twice at most before the next one is tried.
	probeTimeout  = 15 * time.Second
	probeInterval = 500 * time.Millisecond
)

// Suggest looks at each machine of l in inst and returns checks that pass
// there, with runner making them: in the order of the machines, by kind, with
// names that no check of l has. Checks that l has already are left out, and so
// is whatever holds a secret of l. Errors: *lab.GuestError of machines that
// cannot be looked at; ctx's.
func Suggest(ctx context.Context, l *lab.Lab, inst Instance, runner lab.CheckRunner, p lab.Progress) ([]Suggestion, error) {
	s := &suggester{lab: l, inst: inst, runner: runner, progress: lab.Quiet(p)}
	facts, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	var all []proposal
	for i, m := range l.Machines {
		more, err := s.propose(ctx, m, facts[i])
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return s.keep(ctx, all)
}

type suggester struct {
	lab      *lab.Lab
	inst     Instance
	runner   lab.CheckRunner
	progress lab.Progress
}

// proposal is a check that may do, and others to fall back on, best first.
type proposal struct {
	checks []*lab.Check
}

// facts is what there is on a machine. All of it is untrusted.
type facts struct {
	services []service
	ports    []netip.AddrPort // TCP, listening; sorted
	sites    []string         // names of web sites in the servers' configuration; sorted
	web      []webSite        // those sites, with their pages; on Linux
	mounts   []string         // where file systems on disks are mounted; sorted
	iis      []string         // IIS' sites that are started; sorted
	postgres []table
	mysql    []table
}

// service is a service that runs.
type service struct {
	name    string
	enabled bool // started at boot
}

// table is a database with the largest of its tables, quoted as SQL wants
// it; empty: it has none.
type table struct{ database, name string }

// look takes stock of all machines.
func (s *suggester) look(ctx context.Context) ([]facts, error) {
	out := make([]facts, len(s.lab.Machines))
	errs := make([]error, len(s.lab.Machines))
	var g errgroup.Group
	g.SetLimit(machinesAtOnce)
	for i, m := range s.lab.Machines {
		g.Go(func() error {
			s.progress.Step("looking at " + m.Name)
			if m.Image.OS == lab.Windows {
				out[i], errs[i] = windowsFacts(ctx, s.inst.Guest(m))
			} else {
				out[i], errs[i] = linuxFacts(ctx, s.inst.Guest(m))
			}
			return nil
		})
	}
	_ = g.Wait()
	return out, errors.Join(errs...)
}

// keep makes the proposed checks and keeps what passes.
func (s *suggester) keep(ctx context.Context, all []proposal) ([]Suggestion, error) {
	found := make([]*Suggestion, len(all))
	var g errgroup.Group
	g.SetLimit(checksAtOnce)
	for i, p := range all {
		g.Go(func() error {
			found[i] = s.first(ctx, p)
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var out []Suggestion
	names := map[string]bool{}
	for _, c := range s.lab.Checks {
		names[c.Name] = true
	}
	for _, f := range found {
		if f == nil {
			continue
		}
		name := f.Check.Name
		for n := 2; names[f.Check.Name]; n++ {
			f.Check.Name = fmt.Sprintf("%s (%d)", name, n)
		}
		names[f.Check.Name] = true
		out = append(out, *f)
	}
	return out, nil
}

// maxName is how long a check's name may get here, in bytes: the language
// takes 200, and a number may follow.
const maxName = 190

// first makes a proposal's checks until one passes; nil when none does, when
// the definition has it already, or when it would tell a secret.
func (s *suggester) first(ctx context.Context, p proposal) *Suggestion {
	for _, c := range p.checks {
		if ctx.Err() != nil || s.have(c) || len(c.Name) > maxName {
			return nil
		}
		s.progress.Step(c.Name)
		once := *c
		once.Timeout, once.Retries, once.Interval = probeTimeout, 1, probeInterval
		res := s.runner.RunCheck(ctx, &once, s.place(c))
		if !res.Passed {
			continue
		}
		out := &Suggestion{Comment: lab.Printable(res.Message, 200), Check: c}
		if s.tellsSecret(out) {
			return nil
		}
		return out
	}
	return nil
}

// have reports whether the definition has a check of the same.
func (s *suggester) have(c *lab.Check) bool {
	for _, old := range s.lab.Checks {
		if old.From == c.From && old.FromNet == c.FromNet && reflect.DeepEqual(old.Spec, c.Spec) {
			return true
		}
	}
	return false
}

// tellsSecret reports whether a secret of the lab is in a suggestion.
func (s *suggester) tellsSecret(g *Suggestion) bool {
	text, err := json.Marshal(g.Check.Spec)
	all := g.Comment + "\n" + g.Check.Name + "\n" + string(text)
	return err != nil || s.lab.Redactor()(all) != all
}

// place is where c is made from.
func (s *suggester) place(c *lab.Check) lab.Place {
	if c.From == nil {
		return lab.Place{Dialer: s.inst.Gateway(c.FromNet), DNS: nameServer(c.FromNet)}
	}
	g := s.inst.Guest(c.From)
	return lab.Place{Guest: g, Dialer: g, DNS: nameServer(c.From.NICs[0].Network)}
}

func nameServer(n *lab.Network) netip.AddrPort { return netip.AddrPortFrom(n.Gateway, 53) }
