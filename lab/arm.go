package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// maxReboots is how often a machine is rebooted as long as it asks for it.
const maxReboots = 5

// patchWaves patches wave by wave. After each the checks are made, and once
// more after its verifying reboot. Control does the same without the patch,
// side by side. It stops at the first wave that fails: nothing is learned from
// patching on, and so it should be in production.
func (r *run) patchWaves(ctx context.Context, control func()) {
	waves := Waves(r.patch)
	for i, wave := range waves {
		r.patched.patchWave(ctx, wave)
		good := r.checkWave(ctx, control)
		if good && r.patched.verifyWave(ctx, wave) {
			r.patched.early = r.patched.results
			good = r.checkWave(ctx, control)
		}
		if !good {
			r.spare(waves[i+1:])
			return
		}
	}
}

// checkWave makes the checks in both arms, and reports whether the next wave
// may be patched.
func (r *run) checkWave(ctx context.Context, control func()) bool {
	if ctx.Err() != nil {
		return false
	}
	var both sync.WaitGroup
	both.Go(control)
	if !r.patched.spoiled() {
		r.patched.check(ctx)
	}
	both.Wait()
	return ctx.Err() == nil && !r.patched.faulty() && !r.accused()
}

// spare writes down which machines were left alone.
func (r *run) spare(waves [][]*Machine) {
	for _, wave := range waves {
		for _, m := range wave {
			r.rec.rec.Spared = append(r.rec.rec.Spared, m.Name)
		}
	}
}

// patchWave patches the machines of one wave side by side.
func (f *fork) patchWave(ctx context.Context, machines []*Machine) {
	f.mu.Lock()
	f.waves = append(f.waves, nil)
	f.mu.Unlock()
	f.results, f.early = nil, nil // they were of the wave before
	f.each(machines, func(m *Machine) { f.patchMachine(ctx, m) })
}

// each does work for machines side by side.
func (*fork) each(machines []*Machine, work func(*Machine)) {
	var wg sync.WaitGroup
	for _, m := range machines {
		wg.Go(func() { work(m) })
	}
	wg.Wait()
}

// patchMachine applies the patch on m, reboots it as long as that is asked
// for, and looks whether the patch is in.
func (f *fork) patchMachine(ctx context.Context, m *Machine) {
	outcome, err := f.apply(ctx, m)
	f.setOutcome(m, outcome)
	rebooting := false
	if err == nil {
		f.note(m, func(rec *MachineRecord) { rec.Outcome = &outcome })
		if outcome.Status == PatchFailed {
			f.refused(m, "could not be applied on %q: %s", m.Name, outcome.Message)
			return
		}
		rebooting, err = f.rebootWhileAsked(ctx, m, outcome)
	}
	if err == nil && outcome.Status == Applied {
		rebooting, err = false, f.confirmIn(ctx, m, outcome)
	}
	if err != nil && ctx.Err() == nil {
		f.fail(ctx, m, err, outcome.Started, rebooting)
	}
}

// verifyWave reboots the machines of a wave that took the patch and have not
// been rebooted since: what works until the next reboot shows then. It reports
// whether there was one.
func (f *fork) verifyWave(ctx context.Context, machines []*Machine) bool {
	if !f.patch.VerifyReboot || f.patch.Reboot == RebootNever {
		return false
	}
	var todo []*Machine
	for _, m := range machines {
		if f.outcome(m).Status == Applied && !f.wasRebooted(m) {
			todo = append(todo, m)
		}
	}
	f.mu.Lock()
	f.verified++
	f.mu.Unlock()
	f.each(todo, func(m *Machine) {
		f.note(m, func(rec *MachineRecord) { rec.Verified = true })
		err := f.rebootBoth(ctx, m)
		rebooting := err != nil
		if err == nil {
			err = f.confirmIn(ctx, m, f.outcome(m))
		}
		if err != nil && ctx.Err() == nil {
			f.fail(ctx, m, err, true, rebooting)
		}
	})
	return len(todo) > 0
}

// knocker is a Guest that can try whether the machine lets anybody in.
type knocker interface {
	// Knock logs in anew and leaves again.
	Knock(ctx context.Context, p Progress) error
}

// confirmIn looks whether m can still be reached, asks it whether the patch is
// really in, and which services still run what it replaced. One that is not in
// was refused.
func (f *fork) confirmIn(ctx context.Context, m *Machine, o PatchOutcome) error {
	p, end := f.rec.Begin(f.arm, m.Name, "confirm")
	if g, ok := f.inst.Guest(m).(knocker); ok {
		if err := g.Knock(ctx, p); err != nil {
			end(err)
			return err
		}
	}
	p.Step("asking what is installed")
	in, message, err := f.Patcher.Confirm(ctx, f.patch, f.inst.Guest(m), o)
	message = Printable(f.rec.redact(message), 300)
	if err != nil {
		end(err)
		return err
	}
	f.note(m, func(rec *MachineRecord) { rec.Confirmed = message })
	if !in {
		f.refused(m, "was applied on %q, but is not in: %s", m.Name, message)
		end(errors.New(message))
		return nil
	}
	stale, err := f.Patcher.Stale(ctx, f.inst.Guest(m))
	end(err)
	f.note(m, func(rec *MachineRecord) { rec.Stale = stale })
	return err
}

// setOutcome keeps what came of the patch on m in this arm.
func (f *fork) setOutcome(m *Machine, o PatchOutcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.outcomes == nil {
		f.outcomes = map[*Machine]PatchOutcome{}
	}
	f.outcomes[m] = o
}

// outcome is what came of the patch on m in this arm, the zero one when it was
// not tried.
func (f *fork) outcome(m *Machine) PatchOutcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outcomes[m]
}

// note changes m's entry in the record, which is about the patched arm.
func (f *fork) note(m *Machine, change func(*MachineRecord)) {
	if f.arm == ArmPatched {
		f.rec.machine(m.Name, change)
	}
}

// apply stages and applies the patch on m.
func (f *fork) apply(ctx context.Context, m *Machine) (out PatchOutcome, err error) {
	p, end := f.rec.Begin(f.arm, m.Name, "patch")
	defer func() { end(err) }()
	log, err := f.rec.open(f.logPath("patch", m))
	if err != nil {
		return PatchOutcome{}, err
	}
	defer func() { _ = log.Close() }()
	out, err = f.Patcher.Apply(ctx, f.patch, f.inst.Guest(m), log, p)
	out.Message = f.rec.redact(out.Message)
	if err != nil {
		fmt.Fprintf(log, "\npatchlab: %v\n", err)
	}
	return out, err
}

// rebootWhileAsked reboots m as the patch's policy says until the system asks
// for no more, and waits until it rests. Beside an error it reports whether
// that came with a reboot.
func (f *fork) rebootWhileAsked(ctx context.Context, m *Machine, o PatchOutcome) (rebooting bool, err error) {
	for n := 0; ; n++ {
		reason, err := f.rebootReason(ctx, m, o, n)
		if err != nil || reason == "" {
			return false, err
		}
		if n == maxReboots {
			f.restless(m, reason)
			return false, nil
		}
		f.note(m, func(rec *MachineRecord) {
			rec.Reboots++
			if n == 0 {
				rec.RebootReason = reason
			}
		})
		if err := f.rebootBoth(ctx, m); err != nil {
			return true, err
		}
	}
}

// restless keeps that m goes on asking for reboots. One that did so before the
// patch says nothing about it.
func (f *fork) restless(m *Machine, reason string) {
	text := fmt.Sprintf("machine %q still asks for a reboot after %d: %s", m.Name, maxReboots, reason)
	before := f.pending[m] != ""
	if before {
		text += "; it asked for one before the patch too"
	}
	f.addFault(fault{Finding: Finding{Patch: !before, Arm: f.arm, Machine: m.Name, Summary: Printable(text, 500)}})
}

// rebootBoth reboots m, and in the control arm as well.
func (f *fork) rebootBoth(ctx context.Context, m *Machine) error {
	f.mu.Lock()
	if last := len(f.waves) - 1; last >= 0 {
		f.waves[last] = append(f.waves[last], m)
	}
	f.mu.Unlock()
	if f.beside != nil {
		f.beside(m)
	}
	return f.reboot(ctx, m)
}

// wasRebooted reports whether m was rebooted in the wave at hand.
func (f *fork) wasRebooted(m *Machine) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.waves[len(f.waves)-1], m)
}

// reboot reboots m and waits until it rests.
func (f *fork) reboot(ctx context.Context, m *Machine) error {
	f.quiet.RLock()
	defer f.quiet.RUnlock()
	p, end := f.rec.Begin(f.arm, m.Name, "reboot")
	err := f.inst.Guest(m).Reboot(ctx, p)
	end(err)
	return err
}

// rebootReason says why a machine is to be rebooted for the n-th time, from 0;
// empty when it is not.
func (f *fork) rebootReason(ctx context.Context, m *Machine, o PatchOutcome, n int) (string, error) {
	g := f.inst.Guest(m)
	if err := g.Settle(ctx, Quiet(nil)); err != nil {
		return "", err
	}
	switch {
	case o.Status != Applied || f.patch.Reboot == RebootNever:
		return "", nil
	case n == 0 && f.patch.Reboot == RebootAlways:
		return "the definition says reboot = \"always\"", nil
	case n == 0 && o.RebootNeeded:
		return "the patch asks for it", nil
	}
	pending, reason, err := f.Patcher.RebootPending(ctx, g)
	if err != nil || !pending {
		return "", err
	}
	return Printable(f.rec.redact(reason), 300), nil
}
