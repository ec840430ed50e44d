package lab

import (
	"context"
	"fmt"
	"sync"
)

// patchWaves patches wave by wave, and makes the checks after each. Control
// does the same without the patch, side by side. It stops at the first wave
// that fails: nothing is learned from patching on.
func (r *run) patchWaves(ctx context.Context, control func()) {
	for _, wave := range Waves(r.patch) {
		if ctx.Err() != nil {
			return
		}
		r.patched.patchWave(ctx, wave)
		var both sync.WaitGroup
		both.Go(control)
		if !r.patched.spoiled() {
			r.patched.check(ctx)
		}
		both.Wait()
		if r.patched.find(func(fault) bool { return true }) != nil || r.accused() {
			return
		}
	}
}

// patchWave patches the machines of one wave side by side.
func (f *fork) patchWave(ctx context.Context, machines []*Machine) {
	f.mu.Lock()
	f.waves = append(f.waves, nil)
	f.mu.Unlock()
	f.results = nil // they were of the wave before
	var wg sync.WaitGroup
	for _, m := range machines {
		wg.Go(func() { f.patchMachine(ctx, m) })
	}
	wg.Wait()
}

// patchMachine applies the patch on m and reboots it where that is asked for.
func (f *fork) patchMachine(ctx context.Context, m *Machine) {
	outcome, err := f.apply(ctx, m)
	rebooting := false
	if err == nil {
		f.note(m, func(rec *MachineRecord) { rec.Outcome = &outcome })
		if outcome.Status == PatchFailed {
			f.refused(m, outcome)
			return
		}
		rebooting, err = f.rebootIfAsked(ctx, m, outcome)
	}
	if err != nil && ctx.Err() == nil {
		f.fail(ctx, m, err, outcome.Started, rebooting)
	}
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

// rebootIfAsked reboots m as the patch's policy says, and waits until it
// rests. It reports whether it came to a reboot.
func (f *fork) rebootIfAsked(ctx context.Context, m *Machine, o PatchOutcome) (rebooting bool, err error) {
	reason, err := f.rebootReason(ctx, f.inst.Guest(m), o)
	if err != nil || reason == "" {
		return false, err
	}
	f.note(m, func(rec *MachineRecord) { rec.Reboots++; rec.RebootReason = f.rec.redact(reason) })
	f.mu.Lock()
	last := len(f.waves) - 1
	f.waves[last] = append(f.waves[last], m)
	f.mu.Unlock()
	if f.beside != nil {
		f.beside(m)
	}
	return true, f.reboot(ctx, m)
}

// reboot reboots m and waits until it rests.
func (f *fork) reboot(ctx context.Context, m *Machine) error {
	p, end := f.rec.Begin(f.arm, m.Name, "reboot")
	err := f.inst.Guest(m).Reboot(ctx, p)
	end(err)
	return err
}

// rebootReason says why a machine is to be rebooted; empty when it is not.
func (f *fork) rebootReason(ctx context.Context, g Guest, o PatchOutcome) (string, error) {
	switch {
	case o.Status != Applied || f.patch.Reboot == RebootNever:
		return "", g.Settle(ctx, Quiet(nil))
	case f.patch.Reboot == RebootAlways:
		return "the definition says reboot = \"always\"", nil
	}
	if err := g.Settle(ctx, Quiet(nil)); err != nil {
		return "", err
	}
	pending, reason, err := f.Patcher.RebootPending(ctx, g)
	if err != nil || !pending {
		return "", err
	}
	return reason, nil
}
