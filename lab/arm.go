package lab

import (
	"context"
	"fmt"
	"sync"
)

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
