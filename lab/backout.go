package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// backOut takes the patch out again, in the instance that it was tested in, as
// it would be in production: wave by wave from the last, each machine rebooted.
// Then the checks are made and the machines looked at once more.
func (r *run) backOut(ctx context.Context) {
	if r.patch.Backout == nil || ctx.Err() != nil || r.patched.broken() {
		return
	}
	rec := &BackoutRecord{Result: BackoutNotTried, Machines: []BackoutMachine{}, Left: []StateChange{}}
	r.rec.rec.Backout = rec
	if rec.Reason = r.noWayBack(); rec.Reason != "" {
		return
	}
	f := &fork{run: r, arm: ArmBackout, inst: r.patched.inst}
	r.backout = f
	started := time.Now()
	waves := Waves(r.patch)
	for i := range slices.Backward(waves) {
		var mu sync.Mutex
		f.each(waves[i], func(m *Machine) {
			done := f.takeOut(ctx, m)
			mu.Lock()
			defer mu.Unlock()
			rec.Machines = append(rec.Machines, done)
		})
	}
	rec.Seconds = time.Since(started).Seconds()
	slices.SortFunc(rec.Machines, func(a, b BackoutMachine) int { return strings.Compare(a.Name, b.Name) })
	if ctx.Err() == nil && !f.faulty() {
		f.check(ctx)
	}
	f.after = f.survey(ctx)
}

// noWayBack says why taking the patch out is not tried; empty when it is.
func (r *run) noWayBack() string {
	applied := false
	for _, m := range r.patch.Targets {
		applied = applied || r.patched.outcome(m).Status == Applied
	}
	lost := r.patched.find(func(ft fault) bool { return ft.Condition != "" && ft.Condition != Healthy })
	switch {
	case lost != nil:
		return fmt.Sprintf("machine %q was lost: %s", lost.Machine, lost.Summary)
	case !applied:
		return "the patch is on no machine"
	}
	return ""
}

// takeOut takes the patch out on m and reboots it.
func (f *fork) takeOut(ctx context.Context, m *Machine) BackoutMachine {
	out := BackoutMachine{Name: m.Name, BackoutOutcome: BackoutOutcome{Status: NotBackedOut, Message: "the patch was not in"}}
	applied := f.patched.outcome(m)
	if applied.Status != Applied || ctx.Err() != nil {
		return out
	}
	started := time.Now()
	var err error
	out.BackoutOutcome, err = f.undo(ctx, m, applied)
	if err == nil && out.Status == TakenOut && f.patch.Reboot != RebootNever {
		f.patched.undoes(m)
		err = f.reboot(ctx, m)
	}
	out.Seconds = time.Since(started).Seconds()
	if err != nil && ctx.Err() == nil {
		f.fail(ctx, m, err, true, false)
		out.Status, out.Message = BackoutFailed, f.says(err)
	}
	return out
}

// undoes has the control arm reboot m too, unless both have before: what a
// reboot changes is not what the patch leaves.
func (f *fork) undoes(m *Machine) {
	f.mu.Lock()
	again := slices.ContainsFunc(f.waves, func(wave []*Machine) bool { return slices.Contains(wave, m) })
	if !again {
		f.undone = append(f.undone, m)
	}
	f.mu.Unlock()
	if !again && f.beside != nil {
		f.beside(m)
	}
}

// surveyLate surveys the control arm once more when it had reboots of undoes.
func (f *fork) surveyLate(ctx context.Context) {
	f.reboots.Wait()
	if len(f.patched.undone) > 0 {
		f.late = f.survey(ctx)
	}
}

// undo takes the patch out on m.
func (f *fork) undo(ctx context.Context, m *Machine, applied PatchOutcome) (out BackoutOutcome, err error) {
	p, end := f.rec.Begin(f.arm, m.Name, "take out")
	defer func() { end(err) }()
	log, err := f.rec.open(f.logPath("patch", m))
	if err != nil {
		return out, err
	}
	defer func() { _ = log.Close() }()
	out, err = f.Patcher.Backout(ctx, f.patch, f.inst.Guest(m), applied, log, p)
	out.Message = Printable(f.rec.redact(out.Message), 400)
	if err != nil {
		fmt.Fprintf(log, "\npatchlab: %v\n", err)
	}
	return out, err
}

// staysAfter are the kinds of state in which something stays of whatever was
// done on a machine: they say nothing about how clean the way back is.
var staysAfter = []StateKind{StateError, StateDisk, StateMemory, StateBoot}

// judgeBackout says how the patch could be taken out.
func (r *run) judgeBackout() {
	rec := r.rec.rec.Backout
	if rec == nil {
		return
	}
	if r.backout != nil {
		left := r.difference(r.patched.before, r.backout.after)
		if r.control != nil && r.control.late != nil {
			left, _ = WithoutNoise(left, r.difference(r.patched.before, r.control.late))
		}
		left, _ = r.withoutNoise(left)
		rec.Left = r.cleanChanges(slices.DeleteFunc(left, func(c StateChange) bool { return slices.Contains(staysAfter, c.Kind) }))
		rec.Result, rec.Reason = r.backoutResult(rec)
		for _, ft := range r.backout.faults {
			ft.Warning, ft.Patch = true, false
			r.rec.add(ft.Finding)
		}
	}
	rec.Reason = Printable(r.rec.redact(rec.Reason), 500)
	if !r.patch.Backout.Required {
		return
	}
	switch {
	case rec.Result == NoBackout || rec.Result == BackedOutBroken:
		r.rec.add(Finding{Patch: true, Arm: ArmBackout, Summary: "the patch has to be one that can be backed out: " + rec.Reason})
	case rec.Result == BackoutNotTried && r.backout != nil:
		r.rec.add(Finding{Arm: ArmBackout, Summary: "the patch has to be one that can be backed out, and nobody knows whether it can: " + rec.Reason})
	}
}

// backoutResult is the result, and the sentence that gives its reason.
func (r *run) backoutResult(rec *BackoutRecord) (BackoutResult, string) {
	for _, m := range rec.Machines {
		if m.Status == CannotTakeOut || m.Status == BackoutFailed {
			return NoBackout, fmt.Sprintf("on %q: %s", m.Name, m.Message)
		}
	}
	if ft := r.backout.find(func(fault) bool { return true }); ft != nil {
		return NoBackout, ft.Summary
	}
	for _, c := range r.lab.Checks {
		before, after, control := r.before(c), r.backout.result(c), r.control.result(c)
		switch {
		case after == nil:
			return BackoutNotTried, "the checks were not made after it"
		case before != nil && before.Passed && !after.Passed && (control == nil || control.Passed):
			return BackedOutBroken, fmt.Sprintf("check %q passed before the patch and fails after it was taken out: %s", c.Name, after.Message)
		}
	}
	return r.backoutState(rec)
}

// backoutState is the result of what the machines' state says. What was seen to
// be left counts also when not all could be looked at; but nothing is clean
// that nobody looked at.
func (r *run) backoutState(rec *BackoutRecord) (BackoutResult, string) {
	said := fmt.Sprintf("taken out within %.0f s", rec.Seconds)
	if r.Surveyor == nil {
		return BackedOutClean, said + "; all checks are as before, the machines' state was not looked at"
	}
	unknown := r.notCompared()
	if n := len(rec.Left); n > 0 {
		reason := fmt.Sprintf("%s and all checks are as before, but it leaves %s, first %s", said, count(n, "change"), rec.Left[0])
		if !r.apart(rec.Left[0]) {
			reason += ", which a reboot alone may have made"
		}
		if unknown != "" {
			reason += "; " + unknown
		}
		return BackedOutLeaves, reason
	}
	if unknown != "" {
		return BackoutNotTried, said + " and all checks are as before, but " + unknown
	}
	return BackedOutClean, said + "; all checks and the machines' state are as before"
}

// errNoControl is why nothing is said about what a reboot does.
var errNoControl = errors.New("there is no control arm to compare with")
