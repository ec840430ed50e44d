package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

// endLimit is how long it may take to take an instance down.
const endLimit = 2 * time.Minute

// readyLogs keeps what the making of a ready state prints.
type readyLogs struct {
	dir, lab string
	redact   func(string) string
}

// Log implements lab.Logs.
func (r readyLogs) Log(name string) (io.WriteCloser, error) {
	return lab.OpenLog(filepath.Join(r.dir, "ready-"+r.lab+"-"+name), r.redact)
}

// ready gets the ready state of l.
func ready(ctx context.Context, engine *snapshots.Engine, l *lab.Lab, o lab.Observer) (lab.Ready, error) {
	return engine.Ready(ctx, l, readyLogs{filepath.Join(engine.Store.Home(), "logs"), l.Name, l.Redactor()}, o)
}

// forked does work in an instance of l that is forked for it from the ready
// state, and destroyed afterwards.
func (a *app) forked(ctx context.Context, engine *snapshots.Engine, l *lab.Lab, ui *ui, work func(lab.Instance) error) (err error) {
	state, err := ready(ctx, engine, l, ui)
	if err != nil {
		return err
	}
	p, end := ui.Begin(lab.ArmUp, "", "fork")
	inst, err := awaitFork(ctx, a.wait, state, p)
	end(err)
	if err != nil {
		return err
	}
	defer func() {
		_, end := ui.Begin(lab.ArmUp, "", "take down")
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		defer cancel()
		left := inst.Destroy(ctx)
		end(left)
		if left != nil {
			err = errors.Join(err, &lab.LeftoverError{Instance: inst.ID(), Err: left})
		}
	}()
	return work(inst)
}

// awaitFork forks an untouched instance. Memory that others hold is waited for
// up to limit.
func awaitFork(ctx context.Context, limit time.Duration, state lab.Ready, p lab.Progress) (lab.Instance, error) {
	late := time.After(limit)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		inst, err := state.Fork(ctx, lab.ArmBaseline, false, p)
		busy, ok := errors.AsType[*lab.BusyError](err)
		if !ok || limit <= 0 {
			return inst, err
		}
		p.Step("waiting for memory: held by " + busy.Holder)
		select {
		case <-tick.C:
		case <-late:
			return nil, err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
