package lab

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// The control arm is only ever asked to excuse the patch: what fails there as
// well is not the patch's fault. So a run that has nothing to excuse keeps its
// verdict without one, when this host could not give it; and one that has is
// inconclusive, since the patch's doing cannot be told from a reboot's.

// forkControl puts the control arm beside the patched one, if there is memory
// for both.
func (r *run) forkControl(ctx context.Context) {
	if r.NoControl {
		return
	}
	control, err := r.fork(ctx, ArmControl, false)
	if busy, ok := errors.AsType[*BusyError](err); ok {
		r.busy = busy
		return
	}
	if err != nil {
		r.noControl(err)
		return
	}
	r.control = control
	r.rec.rec.Control = ControlRecord{Mode: "concurrent"}
}

// controlLater makes the control arm after the patched one, where the two did
// not fit side by side: nobody holds memory while waiting for more. It
// repeats the reboots, wave by wave, and makes the checks at the end; also
// when there is nothing to excuse, so that both ways find the same.
func (r *run) controlLater(ctx context.Context) {
	switch {
	case ctx.Err() != nil:
		return
	case r.control != nil && r.control.broken():
		r.noControl(errors.New(r.control.find(func(ft fault) bool { return ft.Host }).Summary))
		return
	case r.busy == nil:
		return
	case r.patched.broken():
		r.noControl(errors.New("this host failed the patched arm before"))
		return
	}
	r.patched.end(ctx)
	control, err := r.fork(ctx, ArmControl, true)
	if err != nil {
		r.noControl(err)
		return
	}
	r.control = control
	r.rec.rec.Control = ControlRecord{Mode: "sequential", Reason: r.says(r.busy)}
	control.watched(ctx, control.replay)
	if host := control.find(func(ft fault) bool { return ft.Host }); host != nil {
		r.noControl(errors.New(host.Summary))
	}
}

// replay makes the reboots of the patched arm, and the checks.
func (f *fork) replay(ctx context.Context) {
	for _, wave := range f.patched.waves {
		times := map[*Machine]int{}
		for _, m := range wave {
			times[m]++
		}
		f.each(slices.Collect(maps.Keys(times)), func(m *Machine) {
			for range times[m] {
				f.rebootOnly(ctx, m)
			}
		})
	}
	f.check(ctx)
	f.after = f.survey(ctx)
	f.each(f.patched.undone, func(m *Machine) { f.rebootOnly(ctx, m) })
	f.surveyLate(ctx)
}

// rebootOnly reboots m, which the patched arm does as well, without the patch.
// Two reboots of one machine do not overlap.
func (f *fork) rebootOnly(ctx context.Context, m *Machine) {
	f.mu.Lock()
	if f.resets == nil {
		f.resets = map[*Machine]*sync.Mutex{}
	}
	one := f.resets[m]
	if one == nil {
		one = &sync.Mutex{}
		f.resets[m] = one
	}
	f.mu.Unlock()
	one.Lock()
	defer one.Unlock()
	lost := f.find(func(ft fault) bool { return ft.Machine == m.Name }) != nil
	if ctx.Err() != nil || lost {
		return
	}
	if err := f.reboot(ctx, m); err != nil && ctx.Err() == nil {
		f.fail(ctx, m, err, false, true)
	}
}

// noControl keeps why the control arm says nothing.
func (r *run) noControl(err error) {
	r.controlErr = err
	r.rec.rec.Control = ControlRecord{Mode: "off", Reason: r.says(err)}
}

// says is err in one line without secrets.
func (r *run) says(err error) string { return Printable(r.rec.redact(err.Error()), 300) }

// excuses reports whether ft happens without the patch as well: the machine
// does not come back from its reboot in the control arm either.
func (r *run) excuses(ft fault) bool {
	return ft.rebooting && r.controlErr == nil && r.control != nil &&
		r.control.find(func(other fault) bool { return other.Machine == ft.Machine }) != nil
}

// missesControl reports whether the verdict would hang on the control arm that
// this host could not give.
func (r *run) missesControl() bool {
	if r.controlErr == nil {
		return false
	}
	lost := r.patched.find(func(ft fault) bool { return ft.Patch && ft.rebooting })
	return lost != nil || r.regressed(true) || r.surprised()
}
