package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// destroyLimit is how long taking down an instance may take: it goes on when
// the run was interrupted.
const destroyLimit = 2 * time.Minute

// Tester tests patches on labs.
type Tester struct {
	Host    Host
	Checks  CheckRunner
	Patcher Patcher
	// Pin hashes a patch's files. It is asked before and after a run: a patch
	// whose bytes changed in between has no verdict.
	Pin      func(*Patch) (PatchRecord, error)
	Observer Observer
	RunsDir  string // of the lab, absolute: a record is the folder <RunsDir>/<run>
	Tool     ToolRecord
}

// Test makes one run: a fresh instance of l, its checks, patch p, the checks
// again, the verdict. The instance is gone when it returns. Errors are for
// what happened before there was an instance, for an interrupted run (ctx's
// error, joined by a *LeftoverError when something is left) and for a record
// that cannot be kept; all else is in the record.
func (t *Tester) Test(ctx context.Context, l *Lab, p *Patch) (*Record, error) {
	pin, err := t.Pin(p)
	if err != nil {
		return nil, err
	}
	rec, err := newRecorder(t.RunsDir, l, t.Observer)
	if err != nil {
		return nil, err
	}
	rec.rec.Patch, rec.rec.Tool = pin, t.Tool
	r := &run{Tester: t, lab: l, patch: p, rec: rec, results: map[Arm]map[*Check]CheckResult{}}
	if err := r.whole(ctx); err != nil {
		rec.drop()
		return nil, err
	}
	kept, err := rec.finish()
	if err != nil {
		rec.drop()
		return nil, fmt.Errorf("the verdict was %s, but its record is lost: %w", rec.rec.Verdict, err)
	}
	return kept, nil
}

// run is one run under way.
type run struct {
	*Tester
	lab     *Lab
	patch   *Patch
	rec     *recorder
	inst    Instance
	guests  Guests
	results map[Arm]map[*Check]CheckResult
}

// whole makes the instance, works in it and takes it down again.
func (r *run) whole(ctx context.Context) (err error) {
	p, end := r.rec.Begin(ArmBaseline, "", "prepare")
	r.inst, err = r.Host.NewInstance(ctx, r.lab, ArmBaseline, p)
	end(err)
	if err != nil {
		return err
	}
	r.describeMachines()
	r.work(ctx)
	r.collect(context.WithoutCancel(ctx))
	left := r.takeDown(ctx)
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), left)
	}
	if left != nil {
		r.rec.finding(ArmPatched, false, left)
	}
	r.rec.rec.Reverted = left == nil
	r.describeChecks()
	r.comparePin()
	return nil
}

// work goes through the run's arms. What goes wrong becomes a finding.
func (r *run) work(ctx context.Context) {
	var err error
	r.guests, err = Boot(ctx, r.inst, r.lab, r.rec, ArmBaseline, r.rec)
	if err != nil {
		r.rec.finding(ArmBaseline, false, err)
		return
	}
	r.check(ctx, ArmBaseline)
	if !r.sound(ctx, ArmBaseline) {
		return
	}
	for _, wave := range Waves(r.patch) {
		if ctx.Err() != nil {
			return
		}
		healthy := r.patchWave(ctx, wave)
		r.check(ctx, ArmPatched)
		if !r.sound(ctx, ArmPatched) || !healthy || r.regressed() {
			return
		}
	}
}

// sound reports whether this host has done its part so far. When it has not,
// that is a finding.
func (r *run) sound(ctx context.Context, arm Arm) bool {
	err := r.inst.Sound(ctx)
	if err != nil && ctx.Err() == nil {
		r.rec.finding(arm, false, err)
	}
	return err == nil
}

// regressed reports whether a critical check got worse.
func (r *run) regressed() bool {
	return slices.ContainsFunc(r.lab.Checks, func(c *Check) bool {
		return c.Severity == Critical && r.class(c) == ClassRegression
	})
}

// class is what c's outcomes so far mean together.
func (r *run) class(c *Check) Class {
	return Classify(r.result(ArmBaseline, c), r.result(ArmControl, c), r.result(ArmPatched, c))
}

// result is the outcome of c in an arm, nil when it was not made there.
func (r *run) result(arm Arm, c *Check) *CheckResult {
	if res, ok := r.results[arm][c]; ok {
		return &res
	}
	return nil
}

// collect takes the evidence that is gone with the instance.
func (r *run) collect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	egress, err := r.inst.Egress(ctx)
	if err != nil {
		r.rec.finding(ArmPatched, false, fmt.Errorf("cannot tell what the machines tried to reach outside: %w", err))
	}
	r.rec.rec.Egress = append(r.rec.rec.Egress, egress...)
}

// takeDown destroys the instance, also after an interrupt, and keeps its
// console logs.
func (r *run) takeDown(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), destroyLimit)
	defer cancel()
	_, end := r.rec.Begin(ArmPatched, "", "revert")
	defer func() { end(err) }()
	for _, m := range r.lab.Machines {
		r.rec.keepConsole(m.Name, r.inst.ConsoleLog(m))
	}
	r.guests.Close()
	if err := r.inst.Destroy(ctx); err != nil {
		return &LeftoverError{Instance: r.inst.ID(), Err: err}
	}
	return nil
}

// comparePin makes a finding when the patch's files changed under the run.
func (r *run) comparePin() {
	pin, err := r.Pin(r.patch)
	if err == nil && pin.SHA256 != r.rec.rec.Patch.SHA256 {
		err = errors.New("its files changed while it was tested")
	}
	if err != nil {
		r.rec.finding(ArmPatched, false, fmt.Errorf("cannot vouch for patch %q: %w", r.patch.Name, err))
	}
}

// describeMachines opens the record's list of machines.
func (r *run) describeMachines() {
	wave := map[*Machine]int{}
	for i, machines := range Waves(r.patch) {
		for _, m := range machines {
			wave[m] = i + 1
		}
	}
	for _, m := range r.lab.Machines {
		r.rec.rec.Machines = append(r.rec.rec.Machines, MachineRecord{
			Name: m.Name, Image: r.inst.ImageSHA256(m), Target: wave[m] > 0, Wave: wave[m],
		})
	}
}

// describeChecks writes what the checks came to.
func (r *run) describeChecks() {
	for _, c := range r.lab.Checks {
		rec := CheckRecord{
			Name: c.Name, Kind: c.Spec.Kind(), From: c.Place(), Severity: c.Severity,
			Class: r.class(c), Arms: map[Arm]CheckResult{},
		}
		for _, arm := range []Arm{ArmBaseline, ArmControl, ArmPatched} {
			if res := r.result(arm, c); res != nil {
				rec.Arms[arm], rec.Message = *res, res.Message
			}
		}
		r.rec.rec.Checks = append(r.rec.rec.Checks, rec)
	}
}
