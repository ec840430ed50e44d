package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// survey is the state of an arm's machines at one moment. A machine that could
// not be looked at is not in it.
type survey map[*Machine]*State

// maxSystem is the most that is kept of what a machine says it runs, in bytes.
const maxSystem = 120

// takeStock surveys the machines before the patch, writes down what they run,
// and asks the targets whether they want a reboot already.
func (f *fork) takeStock(ctx context.Context) {
	f.before = f.survey(ctx)
	for m, st := range f.before {
		f.note(m, func(rec *MachineRecord) { rec.System = Printable(f.rec.redact(st.system()), maxSystem) })
	}
	f.pending = map[*Machine]string{}
	var mu sync.Mutex
	f.each(f.patch.Targets, func(m *Machine) {
		// A machine that does not answer will not take the patch either: that
		// tells more.
		if pending, reason, err := f.Patcher.RebootPending(ctx, f.inst.Guest(m)); err == nil && pending {
			mu.Lock()
			defer mu.Unlock()
			f.pending[m] = orElse(Printable(f.rec.redact(reason), 300), "it does not say why")
		}
	})
}

// survey takes stock of the machines that are still there. That one cannot be
// looked at is a gap, and no fault.
func (f *fork) survey(ctx context.Context) survey {
	if f.Surveyor == nil || ctx.Err() != nil || f.broken() {
		return nil
	}
	p, end := f.rec.Begin(f.arm, "", "take stock")
	defer func() { end(ctx.Err()) }()
	out := survey{}
	var mu sync.Mutex
	f.each(f.lab.Machines, func(m *Machine) {
		if f.lost(m) != nil {
			return
		}
		st, err := f.Surveyor.Survey(ctx, f.inst.Guest(m), p)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			f.gap(m, err.Error())
			return
		}
		out[m] = st
		for _, g := range st.Gaps {
			f.gap(m, g)
		}
	})
	return out
}

// gap writes down what could not be looked at, each once.
func (f *fork) gap(m *Machine, what string) {
	f.rec.gap(fmt.Sprintf("%s: %s", m.Name, Printable(f.rec.redact(what), 300)))
}

// difference is what is other than before on the arm's machines, in the order
// of the definition.
func (r *run) difference(before, after survey) (out []StateChange) {
	for _, m := range r.lab.Machines {
		if before[m] != nil && after[m] != nil {
			out = append(out, CompareStates(m.Name, before[m], after[m])...)
		}
	}
	return out
}

// withoutNoise takes out of changes what the control arm has too.
func (r *run) withoutNoise(changes []StateChange) (left []StateChange, noise int) {
	if r.control == nil || r.controlErr != nil || r.control.after == nil {
		return changes, 0
	}
	return WithoutNoise(changes, r.difference(r.patched.before, r.control.after))
}

// compare finds what the patch changed, once the arms have been surveyed.
func (r *run) compare() {
	r.changes, r.noise = r.withoutNoise(r.difference(r.patched.before, r.patched.after))
	r.rec.rec.Changes, r.rec.rec.Noise = r.cleanChanges(r.changes), r.noise
}

// cleanChanges are changes without the lab's secrets; never nil.
func (r *run) cleanChanges(changes []StateChange) []StateChange {
	out := []StateChange{}
	for _, c := range changes {
		c.Name, c.From, c.To, c.Diff = r.rec.redact(c.Name), r.rec.redact(c.From), r.rec.redact(c.To), r.rec.redact(c.Diff)
		out = append(out, c)
	}
	return out
}

// unexpected are the changes that the patch was not expected to make.
func (r *run) unexpected(changes []StateChange) []StateChange {
	if r.patch.Expect == nil {
		return nil
	}
	return r.patch.Expect.Unexpected(changes)
}

// surprised reports whether the patch made a change that would fail it. What
// the control arm has no say about would not.
func (r *run) surprised() bool {
	return r.strict() && slices.ContainsFunc(r.unexpected(r.changes), r.apart)
}

// judgeChanges makes findings of unexpected changes, and of where none would
// have been seen.
func (r *run) judgeChanges() {
	again := map[string]bool{}
	if r.confirmed() {
		changes, _ := r.withoutNoise(r.difference(r.patched.before, r.rerun.after))
		for _, c := range r.unexpected(changes) {
			again[c.item()] = true
		}
	}
	for _, c := range r.unexpected(r.changes) {
		r.rec.add(r.judgeChange(c, again[c.item()]))
	}
	r.judgeUnseen()
}

// judgeChange makes a finding of an unexpected change. One that fails the
// patch must not be known of a reboot, and have come again in the re-run.
func (r *run) judgeChange(c StateChange, again bool) Finding {
	f := Finding{Arm: ArmPatched, Machine: c.Machine, Summary: fmt.Sprintf("unexpected change on %q: %s", c.Machine, c)}
	f.Summary = Printable(r.rec.redact(f.Summary), 500)
	switch {
	case !r.strict():
		f.Warning = true
	case !r.apart(c):
		f.Summary += "; whether a reboot alone makes it is not known: the control arm was not looked at for it"
	case again:
		f.Patch = true
	case r.confirmed() && !r.rerun.after.knows(c):
		f.Summary += "; seen once, not confirmed: the re-run was not looked at for it"
	default:
		f.Warning = true
	}
	return f
}

// item names what c is a change of.
func (c StateChange) item() string { return c.Machine + " " + string(c.Kind) + " " + c.Name }

func orElse(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
