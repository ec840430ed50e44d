package lab

import (
	"context"
	"net/netip"

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
	for i, c := range checks {
		g.Go(func() error {
			p.Step(c.Name)
			results[i] = f.clean(f.Checks.RunCheck(ctx, c, f.place(c)))
			return nil
		})
	}
	_ = g.Wait() // no check returns an error
	if ctx.Err() != nil {
		return nil
	}
	out := make(map[*Check]CheckResult, len(checks))
	for i, c := range checks {
		out[c] = results[i]
	}
	return out
}

// clean takes the lab's secrets out of a result.
func (r *run) clean(res CheckResult) CheckResult {
	res.Message, res.Evidence = r.rec.redact(res.Message), r.rec.redact(res.Evidence)
	res.Seconds = res.Duration.Seconds()
	return res
}

// place is where check c is made from.
func (f *fork) place(c *Check) Place {
	if c.From == nil {
		return Place{Dialer: f.inst.Gateway(c.FromNet), DNS: nameServer(c.FromNet)}
	}
	g := f.inst.Guest(c.From)
	return Place{Guest: g, Dialer: g, DNS: nameServer(c.From.NICs[0].Network)}
}

// nameServer is where machines of n send their DNS requests.
func nameServer(n *Network) netip.AddrPort { return netip.AddrPortFrom(n.Gateway, 53) }
