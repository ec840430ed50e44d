package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Tester tests patches on labs.
type Tester struct {
	Host    Host
	Checks  CheckRunner
	Patcher Patcher
	// Surveyor takes stock of the machines, for the difference that the patch
	// makes; nil: no difference is told.
	Surveyor Surveyor
	// Pin hashes a patch's files. It is asked before and after a run: a patch
	// whose bytes changed in between has no verdict.
	Pin      func(*Patch) (PatchRecord, error)
	Observer Observer
	RunsDir  string // of the lab, absolute: a record is the folder <RunsDir>/<run>
	// Keep writes what else belongs in a record's folder, when run.json is
	// there and nothing will be added; nil: nothing.
	Keep func(dir string, rec *Record) error
	Tool ToolRecord
	// Trial marks the record as a bisection's.
	Trial bool
	// NoControl leaves out the control arm. What a reboot alone does is then
	// blamed on the patch.
	NoControl bool
	// Verify reads the ready state's files for the receipt, instead of
	// trusting the file system's times.
	Verify bool
}

// Test makes one run: it gets the ready state of l, forks it, makes the
// checks, applies patch p wave by wave with the control arm beside it, tries
// once more whatever the patch would be blamed for, and gives the verdict.
// Every instance is gone when it returns, and the record holds the receipt.
//
// Errors are for what went wrong on this host before there was an instance,
// for an interrupted run (ctx's error, joined by a *LeftoverError when
// something is left) and for a record that cannot be kept; all else is in the
// record. When it is only Keep that failed, the record is returned beside the
// error.
func (t *Tester) Test(ctx context.Context, l *Lab, p *Patch) (*Record, error) {
	pin, err := t.Pin(p)
	if err != nil {
		return nil, err
	}
	definition, err := l.Fingerprint(p)
	if err != nil {
		return nil, err
	}
	rec, err := newRecorder(t.RunsDir, l, t.Observer)
	if err != nil {
		return nil, err
	}
	rec.keep = t.Keep
	rec.rec.Patch, rec.rec.Tool, rec.rec.Definition, rec.rec.Trial = pin, t.Tool, definition, t.Trial
	r := &run{Tester: t, lab: l, patch: p, rec: rec, flaky: map[*Check]bool{}}
	if err := r.whole(ctx); err != nil {
		rec.drop()
		return nil, err
	}
	kept, err := rec.finish()
	if kept == nil {
		rec.drop()
		return nil, fmt.Errorf("the verdict was %s, but its record is lost: %w", rec.rec.Verdict, err)
	}
	return kept, err
}

// run is one run under way.
type run struct {
	*Tester
	lab   *Lab
	patch *Patch
	rec   *recorder
	ready Ready

	forks    []*fork // all that were made, in order
	patched  *fork
	control  *fork // nil: there is none (yet)
	rerun    *fork // nil: there is none (yet)
	backout  *fork // the patched arm's instance while the patch is taken out; nil: it was not
	baseline map[*Check]CheckResult
	flaky    map[*Check]bool // failed in the baseline, and passed there when made again

	// quiet is held for writing by a check that measures, for reading by
	// whatever would disturb it.
	quiet sync.RWMutex

	changes []StateChange // what the patch changed, once all arms are surveyed
	noise   int           // changes that the control arm has too

	busy       error // why the control arm is not beside the patched one
	controlErr error // why a control arm that was wanted says nothing
	rerunErr   error // why a re-run that was wanted says nothing
}

// whole makes the arms, takes them down again, and writes down what was seen.
func (r *run) whole(ctx context.Context) error {
	err := r.work(ctx)
	r.endAll(ctx)
	switch {
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), err, r.left())
	case err != nil:
		return err // there was no instance
	}
	r.conclude()
	r.prove(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.comparePin()
	return nil
}

// work goes through the run's arms. What goes wrong once there is an instance
// becomes a finding.
func (r *run) work(ctx context.Context) error {
	r.rec.rec.Control = ControlRecord{Mode: "off", Reason: "the run did not get so far"}
	if r.NoControl {
		r.rec.rec.Control.Reason = "switched off"
	}
	arm, err := r.prepare(ctx)
	r.describeMachines()
	if isGuestFault(err) {
		r.rec.finding(arm, false, err)
		return nil
	}
	if err != nil {
		return err
	}
	r.patched.watched(ctx, r.first)
	r.controlLater(ctx)
	r.compare()
	r.confirm(ctx)
	return nil
}

// prepare gets the ready state and forks the patched arm. Beside an error it
// returns the arm that the error came in.
func (r *run) prepare(ctx context.Context) (arm Arm, err error) {
	ready, err := r.Host.Ready(ctx, r.lab, r.rec, r.rec)
	if err != nil {
		return ArmReady, err
	}
	r.ready, r.rec.rec.Ready = ready, ready.Record()
	r.patched, err = r.fork(ctx, ArmPatched, true)
	return ArmPatched, err
}

// first makes the baseline checks and patches, with the control arm beside it
// where there is room. At the end the patch is taken out again, if that is
// asked for.
func (r *run) first(ctx context.Context) {
	r.makeBaseline(ctx)
	if ctx.Err() != nil || r.patched.broken() {
		return
	}
	r.patched.takeStock(ctx)
	r.forkControl(ctx)
	if r.control == nil {
		r.patchWaves(ctx, func() {})
		r.patched.after = r.patched.survey(ctx)
		r.backOut(ctx)
		return
	}
	r.control.watched(ctx, func(beside context.Context) {
		r.patched.beside = func(m *Machine) {
			r.control.reboots.Go(func() { r.control.rebootOnly(beside, m) })
		}
		r.patchWaves(ctx, func() {
			r.control.reboots.Wait()
			r.control.check(beside)
		})
		var control sync.WaitGroup
		control.Go(func() { r.control.after = r.control.survey(beside) })
		r.patched.after = r.patched.survey(ctx)
		control.Wait()
		r.backOut(ctx)
		r.patched.beside = nil
		r.control.surveyLate(beside)
	})
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

// describeNICs is m's place in the lab's networks.
func describeNICs(m *Machine) (list []NICRecord) {
	for _, n := range m.NICs {
		rec := NICRecord{Network: n.Network.Name, MAC: n.MAC.String(), Names: n.Names}
		if n.Address.IsValid() {
			rec.Address = n.Address.String()
		}
		list = append(list, rec)
	}
	return list
}

// describeNetworks opens the record's list of networks.
func (r *recorder) describeNetworks(l *Lab) {
	for _, n := range l.Networks {
		r.rec.Networks = append(r.rec.Networks, NetworkRecord{
			Name: n.Name, Subnet: n.Subnet.String(), Gateway: n.Gateway.String(), Domain: n.Domain,
		})
	}
}

// describeMachines opens the record's list of machines. A console log that is
// there already is of a machine that the ready state was to be made with.
func (r *run) describeMachines() {
	wave := map[*Machine]int{}
	for i, machines := range Waves(r.patch) {
		for _, m := range machines {
			wave[m] = i + 1
		}
	}
	for _, m := range r.lab.Machines {
		rec := MachineRecord{
			Name: m.Name, Target: wave[m] > 0, Wave: wave[m],
			OS: m.Image.OS, MemoryMiB: m.MemoryMiB, CPUs: m.CPUs, NICs: describeNICs(m),
		}
		if r.ready != nil {
			rec.Image = r.ready.ImageSHA256(m)
		}
		console := filepath.Join("logs", "console-"+m.Name+".log")
		if _, err := os.Stat(filepath.Join(r.rec.dir, console)); err == nil {
			rec.Console = console
		}
		r.rec.rec.Machines = append(r.rec.rec.Machines, rec)
	}
}
