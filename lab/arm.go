package lab

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sync/errgroup"
)

// checksAtOnce is how many checks are made side by side: enough that one slow
// check does not hold up the rest, few enough that an emulated machine can
// answer them all in time.
const checksAtOnce = 4

// check makes every check of the lab in an arm and keeps the results.
func (r *run) check(ctx context.Context, arm Arm) {
	p, end := r.rec.Begin(arm, "", "check")
	defer func() { end(ctx.Err()) }()
	results := make([]CheckResult, len(r.lab.Checks))
	var g errgroup.Group
	g.SetLimit(checksAtOnce)
	for i, c := range r.lab.Checks {
		g.Go(func() error {
			p.Step(c.Name)
			results[i] = r.clean(r.Checks.RunCheck(ctx, c, r.place(c)))
			return nil
		})
	}
	_ = g.Wait() // no check returns an error
	if ctx.Err() != nil {
		return // the failures are those of the interrupt
	}
	r.results[arm] = map[*Check]CheckResult{}
	for i, c := range r.lab.Checks {
		r.results[arm][c] = results[i]
	}
}

// clean takes the lab's secrets out of a result.
func (r *run) clean(res CheckResult) CheckResult {
	res.Message, res.Evidence = r.rec.redact(res.Message), r.rec.redact(res.Evidence)
	res.Seconds = res.Duration.Seconds()
	return res
}

// place is where check c is made from.
func (r *run) place(c *Check) Place {
	if c.From == nil {
		return Place{Dialer: r.inst.Gateway(c.FromNet), DNS: nameServer(c.FromNet)}
	}
	g := r.guests[c.From.Name]
	return Place{Guest: g, Dialer: g, DNS: nameServer(c.From.NICs[0].Network)}
}

// nameServer is where machines of n send their DNS requests.
func nameServer(n *Network) netip.AddrPort { return netip.AddrPortFrom(n.Gateway, 53) }

// patchWave patches the machines of one wave side by side, and reports
// whether every one took the patch and came back.
func (r *run) patchWave(ctx context.Context, machines []*Machine) bool {
	healthy := make([]bool, len(machines))
	var wg sync.WaitGroup
	for i, m := range machines {
		wg.Go(func() { healthy[i] = r.patchMachine(ctx, m) })
	}
	wg.Wait()
	for _, ok := range healthy {
		if !ok {
			return false
		}
	}
	return true
}

// patchMachine applies the patch on m and reboots it where that is asked for.
// A machine that is lost after the patch was started is the patch's doing; a
// fault of this host is not.
func (r *run) patchMachine(ctx context.Context, m *Machine) bool {
	outcome, err := r.apply(ctx, m)
	if err == nil {
		r.rec.machine(m.Name, func(rec *MachineRecord) { rec.Outcome = &outcome })
		if outcome.Status == PatchFailed {
			return false
		}
		err = r.rebootIfAsked(ctx, m, outcome)
	}
	if err != nil && ctx.Err() == nil {
		r.rec.finding(ArmPatched, outcome.Started && isGuestFault(err), err)
	}
	return err == nil
}

// apply stages and applies the patch on m.
func (r *run) apply(ctx context.Context, m *Machine) (out PatchOutcome, err error) {
	p, end := r.rec.Begin(ArmPatched, m.Name, "patch")
	defer func() { end(err) }()
	log, err := r.rec.Log("patch-" + m.Name + ".log")
	if err != nil {
		return PatchOutcome{}, err
	}
	defer func() { _ = log.Close() }()
	out, err = r.Patcher.Apply(ctx, r.patch, r.guests[m.Name], log, p)
	out.Message = r.rec.redact(out.Message)
	if err != nil {
		fmt.Fprintf(log, "\npatchlab: %v\n", err)
	}
	return out, err
}

// rebootIfAsked reboots m as the patch's policy says, and waits until it
// rests.
func (r *run) rebootIfAsked(ctx context.Context, m *Machine, o PatchOutcome) error {
	g := r.guests[m.Name]
	reason, err := r.rebootReason(ctx, g, o)
	if err != nil || reason == "" {
		return err
	}
	r.rec.machine(m.Name, func(rec *MachineRecord) { rec.Reboots++; rec.RebootReason = r.rec.redact(reason) })
	p, end := r.rec.Begin(ArmPatched, m.Name, "reboot")
	err = g.Reboot(ctx, p)
	end(err)
	return err
}

// rebootReason says why a machine is to be rebooted; empty when it is not.
func (r *run) rebootReason(ctx context.Context, g Guest, o PatchOutcome) (string, error) {
	switch {
	case o.Status != Applied || r.patch.Reboot == RebootNever:
		return "", g.Settle(ctx, Quiet(nil))
	case r.patch.Reboot == RebootAlways:
		return "the definition says reboot = \"always\"", nil
	}
	if err := g.Settle(ctx, Quiet(nil)); err != nil {
		return "", err
	}
	pending, reason, err := r.Patcher.RebootPending(ctx, g)
	if err != nil || !pending {
		return "", err
	}
	return reason, nil
}

// machine changes one machine's entry in the record.
func (r *recorder) machine(name string, change func(*MachineRecord)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.rec.Machines {
		if r.rec.Machines[i].Name == name {
			change(&r.rec.Machines[i])
		}
	}
}
