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

// Up makes an instance of l that outlives this process, boots and sets up its
// machines. One lab is up at most once: a second time is a *lab.BusyError. On
// error, and when ctx ends, nothing is left.
func (e *Engine) Up(ctx context.Context, l *lab.Lab, o lab.Observer) (err error) {
	if _, err := e.Sweep(ctx); err != nil { // what only looks as if it were up
		return err
	}
	unlock, err := e.lockUp(ctx, l)
	if err != nil {
		return err
	}
	defer unlock()
	p, end := o.Begin(lab.ArmUp, "", "prepare")
	inst, err := e.start(ctx, l, lab.ArmUp, p)
	end(err)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, inst.takeDown(ctx))
		}
	}()
	guests, err := lab.Boot(ctx, inst, l, instanceLogs{inst.files.Spec.Dir, l.Redactor()}, lab.ArmUp, o)
	guests.Close()
	if err != nil {
		return err
	}
	return inst.proc.Detach() // until here it dies with this process
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

// instanceLogs keeps set-up logs in the instance's own folder.
type instanceLogs struct {
	dir    string
	redact func(string) string
}

// Log implements lab.Logs.
func (l instanceLogs) Log(name string) (io.WriteCloser, error) {
	return lab.OpenLog(filepath.Join(l.dir, name), l.redact)
}

// Down ends the instance of a lab that is up, named by the lab's name, its
// folder or the instance's id, and removes it.
func (e *Engine) Down(ctx context.Context, ref string) error {
	r, err := e.Store.Running(ctx, ref)
	if err != nil {
		return err
	}
	inst := &instance{engine: e, files: r.InstanceFiles, client: agent.NewClient(r.Spec.SocketPath())}
	return inst.takeDown(ctx)
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
// touches nothing that is not recorded in an instance's folder.
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
	if s.Spec != nil {
		if err := agent.KillLeftovers(ctx, s.Spec, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
	}
	return e.Store.RemoveStale(ctx, s)
}
