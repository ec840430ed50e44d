package guest

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchlab/patchlab/lab"
)

// errRebooting is the cause of dropping the connection on purpose.
var errRebooting = errors.New("the machine was asked to reboot")

// Reboot restarts the machine. See lab.Guest. That it restarted is known by
// another boot id: a port that goes away and comes back proves nothing. The
// connection is dropped; whatever runs on it at the same time fails.
func (g *Guest) Reboot(ctx context.Context, p lab.Progress) error {
	d, err := g.dialect()
	if err != nil {
		return err
	}
	p = lab.Quiet(p)
	p.Step("asking for a reboot")
	before, err := g.ask(ctx, d.bootID())
	if err == nil && before == "" {
		err = errors.New("it does not tell its boot id")
	}
	if err == nil {
		err = g.askReboot(ctx, d)
	}
	if err != nil {
		return g.blame(ctx, "reboot", err)
	}
	if err := g.awaitBoot(ctx, d, before, p); err != nil {
		return g.blame(ctx, "reboot", err)
	}
	return g.Settle(ctx, p)
}

// askReboot asks and drops the connection. A connection that ends before the
// command does is what a reboot looks like, so only a refusal is an error.
func (g *Guest) askReboot(ctx context.Context, d dialect) error {
	_, err := g.ask(ctx, d.reboot())
	if err != nil && !errors.Is(err, ErrConnectionLost) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.cfg.Log.Info("reboot asked for")
	g.drop(errRebooting)
	return nil
}

// awaitBoot waits until the machine answers with a boot id other than before.
// While it still has the old one the connection is dropped after each look,
// so that none is left behind in a system that goes down.
func (g *Guest) awaitBoot(ctx context.Context, d dialect, before string, p lab.Progress) error {
	w := Waiting{
		What:     fmt.Sprintf("%s to come back", g.cfg.Machine.Name),
		Interval: g.limits.poll,
		Limit:    g.cfg.Machine.BootTimeout + g.limits.stop,
		Progress: p,
	}
	return Wait(ctx, w, func(ctx context.Context) error {
		if _, err := g.attempt(ctx); err != nil {
			return err
		}
		id, err := g.ask(ctx, d.bootID())
		if err == nil && id != before && id != "" {
			return nil
		}
		if err == nil {
			err = errors.New("it has not restarted: its boot id is the same")
		}
		g.drop(errRebooting)
		return err
	})
}
