package lab

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// soundEvery is how often it is asked, while an arm works, whether this host
// does its part.
const soundEvery = 2 * time.Second

// fork is one instance of a run at work: one arm.
type fork struct {
	*run
	arm     Arm
	inst    Instance
	results map[*Check]CheckResult // nil: the checks were not made at its end
	early   map[*Check]CheckResult // before the verifying reboot; nil: there was none
	beside  func(*Machine)         // told of each machine that is about to be rebooted; nil: nobody
	reboots sync.WaitGroup         // of the control arm, under way beside the patched one

	pending map[*Machine]string // why a target asked for a reboot before the patch
	before  survey              // of the machines before the patch
	after   survey              // at the arm's end
	late    survey              // of the control arm, after the reboots that backing out took

	mu       sync.Mutex
	outcomes map[*Machine]PatchOutcome
	waves    [][]*Machine // the machines that were rebooted, wave by wave, each as often
	undone   []*Machine   // that were rebooted for backing out alone
	verified int          // waves that had their verifying reboot, or needed none
	faults   []fault
	resets   map[*Machine]*sync.Mutex // one reboot of a machine at a time

	ended bool
	left  error // what could not be taken down
}

// fork makes an instance for an arm.
func (r *run) fork(ctx context.Context, arm Arm, patient bool) (*fork, error) {
	p, end := r.rec.Begin(arm, "", "fork")
	inst, err := r.ready.Fork(ctx, arm, patient, p)
	end(err)
	if err != nil {
		return nil, err
	}
	f := &fork{run: r, arm: arm, inst: inst}
	r.forks = append(r.forks, f)
	return f, nil
}

// watched does work with a context that ends as soon as this host is at fault:
// what hangs on a full disk would hang for as long as its own limit.
func (f *fork) watched(ctx context.Context, work func(context.Context)) {
	inner, cancel := context.WithCancelCause(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { f.watch(inner, cancel) })
	work(inner)
	cancel(nil)
	watcher.Wait()
	if ctx.Err() != nil {
		return // interrupted, or the arm that this one stands beside ended
	}
	if host, ok := errors.AsType[*HostError](context.Cause(inner)); ok {
		f.hostFault(host)
	}
	f.sound(ctx)
}

// watch cancels once this host is at fault, and drops the connections, so that
// no clean-up waits for machines that will not answer. Other errors do not
// count here: a busy host may be slow to answer.
func (f *fork) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(soundEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := f.inst.Sound(ctx)
		if ctx.Err() != nil {
			return
		}
		if host, ok := errors.AsType[*HostError](err); ok {
			cancel(host)
			for _, m := range f.lab.Machines {
				_ = f.inst.Guest(m).Close()
			}
			return
		}
	}
}

// sound makes a fault of this host one of the arm.
func (f *fork) sound(ctx context.Context) {
	err := f.inst.Sound(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	host, ok := errors.AsType[*HostError](err)
	if !ok {
		host = &HostError{Op: "tell whether this host is sound", Err: err}
	}
	f.hostFault(host)
}

// hostFault ends what the arm has to say. The first is kept.
func (f *fork) hostFault(err *HostError) {
	if !f.broken() {
		f.addFault(fault{Finding: f.rec.describe(f.arm, err)})
	}
}

func (f *fork) addFault(ft fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, ft)
}

// find returns the first fault for which ok holds, nil when there is none.
func (f *fork) find(ok func(fault) bool) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.faults, ok); i >= 0 {
		found := f.faults[i]
		return &found
	}
	return nil
}

// broken reports whether this host failed the arm.
func (f *fork) broken() bool {
	return f.find(func(ft fault) bool { return ft.Host }) != nil
}

// faulty reports whether anything is known against the arm.
func (f *fork) faulty() bool { return f.find(func(fault) bool { return true }) != nil }

// spoiled reports whether something failed that the patch has no part in:
// what the checks would see after it is no evidence about the patch.
func (f *fork) spoiled() bool {
	return f.find(func(ft fault) bool { return !ft.Patch }) != nil
}

// result is the outcome of c in the arm, nil when it was not made, or when this
// host failed the arm: nobody knows then what the check saw. F may be nil.
func (f *fork) result(c *Check) *CheckResult {
	if f == nil || f.broken() {
		return nil
	}
	if res, ok := f.results[c]; ok {
		return &res
	}
	return nil
}
