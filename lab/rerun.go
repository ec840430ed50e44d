package lab

import (
	"context"
	"errors"
	"fmt"
)

// confirm tries once more, from a fresh fork, whatever the patch would be
// blamed for: nobody is woken because of what a lab does by chance. The other
// instances are taken down first, so that their memory is free.
func (r *run) confirm(ctx context.Context) {
	if ctx.Err() != nil || r.patched.broken() || !r.suspected() {
		return
	}
	if r.missesControl() {
		r.rerunErr = errNoControl
		return
	}
	r.endAll(ctx)
	rerun, err := r.fork(ctx, ArmRerun, true)
	if err != nil {
		r.rerunErr = err
		return
	}
	rerun.watched(ctx, rerun.repeat)
	if other := rerun.find(func(ft fault) bool { return !ft.Patch }); other != nil {
		r.rerunErr = errors.New(other.Summary)
	}
	r.rerun = rerun
}

// repeat patches the waves that the patched arm came to, all of them, and
// makes the checks.
func (f *fork) repeat(ctx context.Context) {
	for i, wave := range Waves(f.patch)[:len(f.patched.waves)] {
		if ctx.Err() != nil || f.spoiled() {
			return
		}
		f.patchWave(ctx, wave)
		if i < f.patched.verified && !f.faulty() {
			f.verifyWave(ctx, wave)
		}
	}
	if !f.spoiled() {
		f.check(ctx)
	}
	if f.surprised() {
		f.after = f.survey(ctx)
	}
}

// suspected reports whether the patch would be blamed for anything.
func (r *run) suspected() bool {
	return r.suspectFault() || r.regressed(false) || r.surprised()
}

// accused reports whether the patch would be blamed for something that fails
// it.
func (r *run) accused() bool {
	return r.suspectFault() || r.regressed(true)
}

func (r *run) suspectFault() bool {
	return r.patched.find(func(ft fault) bool { return ft.Patch && !r.excuses(ft) }) != nil
}

// regressed reports whether a check, or a critical one, got worse.
func (r *run) regressed(critical bool) bool {
	for _, c := range r.lab.Checks {
		if (c.Severity == Critical || !critical) && r.class(c) == ClassRegression {
			return true
		}
	}
	return false
}

// confirmed reports whether the re-run has something to say.
func (r *run) confirmed() bool { return r.rerun != nil && r.rerunErr == nil }

// settle gives a fault of the patched arm its final words. The patch is blamed
// for what it did twice, and the control arm did not do.
func (r *run) settle(ft fault) Finding {
	f := ft.Finding
	switch {
	case !f.Patch:
		return f
	case r.excuses(ft):
		f.Summary += "; it does not come back from a reboot without the patch either"
	case !r.confirmed():
		f.Summary += "; seen once, not confirmed"
	case r.rerun.suspects(f.Machine):
		return f
	default:
		f.Summary += "; it did not show again in a re-run from a fresh fork"
	}
	f.Patch = false
	return f
}

// suspects reports whether the patch is suspected of harming a machine; f may
// be nil.
func (f *fork) suspects(machine string) bool {
	return f != nil && f.find(func(ft fault) bool { return ft.Patch && ft.Machine == machine }) != nil
}

// conclude writes down what the arms have to say together.
func (r *run) conclude() {
	if r.patched == nil {
		r.describeChecks()
		return
	}
	for _, ft := range r.patched.faults {
		r.rec.add(r.settle(ft))
	}
	if r.control != nil && r.controlErr == nil {
		for _, ft := range r.control.faults {
			r.rec.add(ft.Finding)
		}
	}
	if r.confirmed() {
		r.onlyAgain()
	}
	r.judgeChanges()
	r.judgeBackout()
	if r.missesControl() {
		r.rec.finding(ArmControl, false, &HostError{Op: "tell what the patch does from what a reboot does", Err: r.controlErr})
	} else if r.rerunErr != nil && (r.accused() || r.surprised()) {
		r.rec.finding(ArmRerun, false, &HostError{Op: "repeat what the patch would be blamed for", Err: r.rerunErr})
	}
	r.describeChecks()
}

// onlyAgain adds the faults that came in the re-run alone.
func (r *run) onlyAgain() {
	for _, ft := range r.rerun.faults {
		if !r.patched.suspects(ft.Machine) {
			ft.Patch = false
			ft.Summary = fmt.Sprintf("%s; only in the re-run, not the first time", ft.Summary)
			r.rec.add(ft.Finding)
		}
	}
}
