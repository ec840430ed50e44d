package lab

import (
	"context"
	"fmt"
	"sync"
)

// survey is the state of an arm's machines at one moment. A machine that could
// not be looked at is not in it.
type survey map[*Machine]*State

// takeStock surveys the machines before the patch, and asks the targets whether
// they want a reboot already.
func (f *fork) takeStock(ctx context.Context) {
	f.before = f.survey(ctx)
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

// surprised reports whether the patch made a change that would fail it.
// Without a control arm nobody knows which changes are its own.
func (r *run) surprised() bool {
	return r.patch.Expect != nil && !r.NoControl && r.patch.Expect.Severity == Critical && len(r.unexpected(r.changes)) > 0
}

// judgeChanges makes findings of unexpected changes. One that fails the patch
// must have come in the re-run as well.
func (r *run) judgeChanges() {
	again := map[string]bool{}
	if r.confirmed() {
		changes, _ := r.withoutNoise(r.difference(r.patched.before, r.rerun.after))
		for _, c := range r.unexpected(changes) {
			again[c.Machine+" "+string(c.Kind)+" "+c.Name] = true
		}
	}
	for _, c := range r.unexpected(r.changes) {
		f := Finding{Arm: ArmPatched, Machine: c.Machine, Summary: fmt.Sprintf("unexpected change on %q: %s", c.Machine, c)}
		f.Patch = r.surprised() && again[c.Machine+" "+string(c.Kind)+" "+c.Name]
		f.Warning = !f.Patch
		f.Summary = Printable(r.rec.redact(f.Summary), 500)
		r.rec.add(f)
	}
}

func orElse(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
