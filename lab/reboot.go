package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// maxReboots is how often a machine is rebooted as long as it asks for it.
const maxReboots = 5

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
