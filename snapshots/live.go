package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// Up makes an instance of l that outlives this process: a fork of its ready
// state, with memory of its own, so that snapshots of it can be taken. One lab
// is up at most once: a second time is a *lab.BusyError. On error, and when
// ctx ends, nothing is left but the ready state.
func (e *Engine) Up(ctx context.Context, l *lab.Lab, o lab.Observer) error {
	if _, err := e.Sweep(ctx); err != nil { // what only looks as if it were up
		return err
	}
	unlock, err := e.lockUp(ctx, l)
	if err != nil {
		return err
	}
	defer unlock()
	r, err := e.ready(ctx, l, folderLogs{e.Store.logsDir(), "ready-" + l.Name + "-", l.Redactor()}, o)
	if err != nil {
		return err
	}
	p, end := o.Begin(lab.ArmUp, "", "fork")
	marker := newMarker()
	inst, err := e.fork(ctx, r.state, l, forkOptions{arm: lab.ArmUp, wait: e.Wait, own: true, marker: marker}, p)
	end(err)
	if err != nil {
		return err
	}
	err = writeJSON(currentPath(inst.files.Spec), r.state.standing(marker))
	if err == nil {
		err = e.Store.journalOf(inst.ID()).intend(intent{Step: "detach"})
	}
	if err != nil {
		return errors.Join(err, inst.takeDown(ctx))
	}
	for _, g := range inst.guests {
		_ = g.Close()
	}
	if err := inst.proc.Detach(); err != nil { // until here it dies with this process
		return errors.Join(err, inst.takeDown(ctx))
	}
	return e.Store.letGo(inst.ID())
}

// lockUp makes sure that l is not up, and that nobody brings it up meanwhile.
func (e *Engine) lockUp(ctx context.Context, l *lab.Lab) (unlock func(), err error) {
	dir, err := e.Store.instancesDir(l.Name)
	if err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(filepath.Dir(dir), "up.lock"))
	if ok, err := lock.TryLock(); err != nil {
		return nil, &lab.HostError{Op: "lock the lab", Err: err}
	} else if !ok {
		return nil, &lab.BusyError{What: fmt.Sprintf("lab %q", l.Name), Holder: "another patchlab up"}
	}
	unlock = func() { _ = lock.Unlock() }
	up, err := e.Store.Up(ctx)
	if err != nil {
		unlock()
		return nil, err
	}
	for _, r := range up {
		if r.Spec.Lab == l.Name {
			unlock()
			return nil, &lab.BusyError{What: fmt.Sprintf("lab %q", l.Name), Holder: "instance " + r.Spec.ID + ", which is up: patchlab down " + r.Spec.ID}
		}
	}
	return unlock, nil
}

// folderLogs keeps set-up logs in a folder, under names that begin with
// prefix.
type folderLogs struct {
	dir, prefix string
	redact      func(string) string
}

// Log implements lab.Logs.
func (l folderLogs) Log(name string) (io.WriteCloser, error) {
	return lab.OpenLog(filepath.Join(l.dir, l.prefix+name), l.redact)
}

// Down ends the instance of a lab that is up, named by the lab's name, its
// folder or the instance's id, and removes it.
func (e *Engine) Down(ctx context.Context, ref string) error {
	r, err := e.Store.Running(ctx, ref)
	if err != nil {
		return err
	}
	return r.instance(e).takeDown(ctx)
}

// UpIDs returns the ids of all instances that are up.
func (e *Engine) UpIDs(ctx context.Context) ([]string, error) {
	up, err := e.Store.Up(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range up {
		ids = append(ids, r.Spec.ID)
	}
	return ids, nil
}

// Sweep removes what killed processes have left, and returns what that was:
// instances whose agent is gone, with the machines that may still run. It
// touches nothing that is not named in a journal.
func (e *Engine) Sweep(ctx context.Context) ([]StaleInstance, error) {
	ctx, cancel := context.WithTimeout(ctx, takeDownLimit)
	defer cancel()
	stale, err := e.Store.Stale(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, s := range stale {
		if err := e.sweep(ctx, s); err != nil {
			errs = append(errs, &lab.LeftoverError{Instance: s.ID(), Err: err})
		}
	}
	return stale, errors.Join(errs...)
}

// sweep ends and removes one instance that nobody answers for.
func (e *Engine) sweep(ctx context.Context, s StaleInstance) error {
	for _, i := range s.intents {
		// One that was just being started when its maker was killed.
		if i.Step != "folder" || e.Store.mayRemove(s.id, i) != nil {
			continue
		}
		if err := agent.KillAgent(ctx, &agent.Spec{Dir: i.Path}); err != nil {
			return err
		}
	}
	for _, spec := range s.machines() {
		if err := agent.KillLeftovers(ctx, spec, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
	}
	return e.Store.RemoveStale(ctx, s)
}

// Diagnose looks from outside at a machine of the instance that is up under
// ref.
func (e *Engine) Diagnose(ctx context.Context, ref, machine string) (lab.Diagnosis, error) {
	r, err := e.Store.Running(ctx, ref)
	if err != nil {
		return lab.Diagnosis{}, err
	}
	if err := r.HasMachine(machine); err != nil {
		return lab.Diagnosis{}, err
	}
	return r.instance(e).Diagnose(ctx, &lab.Machine{Name: machine}), nil
}
