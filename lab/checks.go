package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sync/errgroup"
)

// checksAtOnce is how many checks are made side by side: enough that one slow
// check does not hold up the rest, few enough that an emulated machine can
// answer them all in time.
const checksAtOnce = 4

// makeBaseline makes every check before anything is touched. One that fails is
// made once more: it is flaky when it passes then.
func (r *run) makeBaseline(ctx context.Context) {
	results := r.patched.makeChecks(ctx, ArmBaseline, "check", r.lab.Checks)
	var failing []*Check
	for _, c := range r.lab.Checks {
		if res, ok := results[c]; ok && !res.Passed {
			failing = append(failing, c)
		}
	}
	var again map[*Check]CheckResult
	if len(failing) > 0 {
		again = r.patched.makeChecks(ctx, ArmBaseline, "check again", failing)
	}
	r.patched.sound(ctx)
	if ctx.Err() != nil || r.patched.broken() {
		return
	}
	r.baseline = results
	for c, res := range again {
		r.flaky[c] = res.Passed
	}
}

// check makes every check of the lab at the arm's end, or at that of a wave.
func (f *fork) check(ctx context.Context) {
	f.results = f.makeChecks(ctx, f.arm, "check", f.lab.Checks)
	f.sound(ctx)
}

// makeChecks makes checks in the instance, for an arm. The result is nil when
// ctx ended: the failures are those of the interrupt then.
func (f *fork) makeChecks(ctx context.Context, arm Arm, phase string, checks []*Check) map[*Check]CheckResult {
	if ctx.Err() != nil {
		return nil
	}
	p, end := f.rec.Begin(arm, "", phase)
	defer func() { end(ctx.Err()) }()
	results := make([]CheckResult, len(checks))
	var g errgroup.Group
	g.SetLimit(checksAtOnce)
	one := func(i int) {
		if ft := f.lost(checks[i].From); ft != nil {
			results[i] = CheckResult{Message: fmt.Sprintf("it cannot be made: machine %q is lost (%s)", ft.Machine, ft.Condition)}
			return
		}
		p.Step(checks[i].Name)
		results[i] = f.clean(f.Checks.RunCheck(ctx, checks[i], f.place(checks[i], arm)))
	}
	f.quiet.RLock()
	for i, c := range checks {
		if !measures(c) {
			g.Go(func() error { one(i); return nil })
		}
	}
	_ = g.Wait() // no check returns an error
	f.quiet.RUnlock()
	for i, c := range checks {
		if measures(c) {
			f.quiet.Lock()
			one(i)
			f.quiet.Unlock()
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	out := map[*Check]CheckResult{}
	for i, c := range checks {
		out[c] = results[i]
	}
	return out
}

// lost is what is known of a machine that does not answer any more, nil when
// it does; m may be nil. Whoever asks it again only waits.
func (f *fork) lost(m *Machine) *fault {
	if m == nil {
		return nil
	}
	return f.find(func(ft fault) bool { return ft.Machine == m.Name && ft.Condition != "" && ft.Condition != Healthy })
}

// measures reports whether a check measures how fast something is: then it is
// made alone, with no other check or reboot of the run under way.
func measures(c *Check) bool {
	_, ok := c.Spec.(*PerformanceCheck)
	return ok
}

// clean takes the lab's secrets out of a result.
func (r *run) clean(res CheckResult) CheckResult {
	res.Message, res.Evidence = r.rec.redact(res.Message), r.rec.redact(res.Evidence)
	res.Seconds = res.Duration.Seconds()
	return res
}

// place is where check c is made from in an arm.
func (f *fork) place(c *Check, arm Arm) Place {
	at := Place{HostKey: f.hostKey}
	if arm != ArmBaseline {
		at.Before = f.run.before(c)
	}
	if c.From == nil {
		at.Dialer, at.DNS = f.inst.Gateway(c.FromNet), nameServer(c.FromNet)
		return at
	}
	g := f.inst.Guest(c.From)
	at.Guest, at.Dialer, at.DNS = g, g, nameServer(c.From.NICs[0].Network)
	return at
}

// hostKeyed is a Guest that knows its machine's SSH host key.
type hostKeyed interface {
	// HostKey is the key as in an authorized_keys file.
	HostKey() string
}

// hostKey finds the host key of the machine that a check means by host: its
// name, with or without its network's domain, one of its other names, or its
// address.
func (f *fork) hostKey(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, m := range f.lab.Machines {
		for _, nic := range m.NICs {
			names := append([]string{m.Name}, nic.Names...)
			for _, n := range names {
				if host != n && host != n+"."+nic.Network.Domain && host != nic.Address.String() {
					continue
				}
				if g, ok := f.inst.Guest(m).(hostKeyed); ok {
					return g.HostKey()
				}
			}
		}
	}
	return ""
}

// nameServer is where machines of n send their DNS requests.
func nameServer(n *Network) netip.AddrPort { return netip.AddrPortFrom(n.Gateway, 53) }
