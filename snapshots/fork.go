package snapshots

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// ready is a ready state in the hands of one process. It is a lab.Ready.
type ready struct {
	engine *Engine
	lab    *lab.Lab
	state  *readyState
	built  bool
	took   time.Duration
}

// Record implements lab.Ready.
func (r *ready) Record() lab.ReadyRecord { return r.state.record(r.built, r.took) }

// ImageSHA256 implements lab.Ready.
func (r *ready) ImageSHA256(m *lab.Machine) string {
	if s := r.state.machine(m.Name); s != nil {
		return s.Image
	}
	return ""
}

// patience is how long a run that is under way waits for the memory of its
// next arm.
const patience = 15 * time.Minute

// Fork implements lab.Ready.
func (r *ready) Fork(ctx context.Context, arm lab.Arm, patient bool, p lab.Progress) (lab.Instance, error) {
	limit := time.Duration(0)
	switch {
	case patient && arm == lab.ArmPatched: // the first of a run
		limit = r.engine.Wait
	case patient:
		limit = max(patience, r.engine.Wait)
	}
	inst, err := r.engine.fork(ctx, r.state, r.lab, forkOptions{arm: arm, wait: limit, marker: newMarker()}, p)
	if err != nil {
		return nil, err // not inst: a nil pointer in an interface is not nil
	}
	return inst, nil
}

// forkOptions say what a fork is for.
type forkOptions struct {
	arm    lab.Arm
	wait   time.Duration // for memory
	own    bool          // memory of its own: see prepareFork
	marker string        // left in the machines; may be empty
}

// fork makes a running instance of r. On error nothing is left.
func (e *Engine) fork(ctx context.Context, r *readyState, l *lab.Lab, o forkOptions, p lab.Progress) (_ *instance, err error) {
	p = lab.Quiet(p)
	var files *InstanceFiles
	err = e.Store.waitFor(ctx, o.wait, p, func() (err error) {
		files, err = e.Store.prepareFork(ctx, r, l, o.arm, o.own, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	inst, err := e.launch(ctx, files, p)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, inst.takeDown(ctx))
		}
	}()
	inst.from = r
	inst.connectTo(l)
	p.Step("starting the machines from the saved state")
	if err := inst.client.StartAll(ctx); err != nil {
		return nil, &lab.HostError{Op: fmt.Sprintf("start the machines of lab %q from the ready state", l.Name), Err: err, Hint: "patchlab doctor"}
	}
	p.Step("waking the machines")
	looks, err := inst.wake(ctx, o.marker)
	if err != nil {
		return nil, err
	}
	if problems := judgeWoken(looks, nil); len(problems) > 0 {
		return nil, &lab.HostError{Op: "fork the ready state", Err: errors.New(problems[0]), Hint: "remove " + r.dir + ": the next run makes a new ready state"}
	}
	return inst, nil
}
