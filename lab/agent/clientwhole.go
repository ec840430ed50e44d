package agent

import (
	"context"
	"fmt"
	"net/http"
)

// The calls below change all machines of the instance. One of them runs at a
// time, and none beside a Start, Suspend or Resume of one machine: otherwise
// the error is ErrBusy, and nothing has happened. When ctx ends first, the
// agent goes on and finishes what it was asked for.

// StartAll starts the machines that do not run, side by side. Those with a
// State are loaded, and when all machines are there they go on in the same
// moment. On error, which names the machine, none that this call started is
// left.
func (c *Client) StartAll(ctx context.Context) error { return c.all(ctx, "start", nil) }

// SuspendAll stops the processors of all machines that run, at one instant.
// When one cannot be stopped, the others go on.
func (c *Client) SuspendAll(ctx context.Context) error { return c.all(ctx, "suspend", nil) }

// ResumeAll lets all suspended machines go on, in the same moment. One that
// stands still because of a fault stays so.
func (c *Client) ResumeAll(ctx context.Context) error { return c.all(ctx, "resume", nil) }

// Freeze keeps a moment of the instance: it suspends all machines at one
// instant, saves the state of those named and copies the files listed while
// everything stands still. With resume, what ran goes on then, also a machine
// that Save switched off: it is started from its new State. Without, all stay
// as Save left them: paused, or off for the reason "saved".
//
// Every path is clean, absolute and below Spec.Dir with no link on the way;
// folders exist, new files do not. Otherwise nothing is touched, as when a
// named machine does not run. On any other error what ran goes on, resume or
// not, and no new file is left.
func (c *Client) Freeze(ctx context.Context, fs []Freezing, resume bool) error {
	return c.all(ctx, "freeze", freezeBody{Machines: fs, Resume: resume})
}

// Replace destroys all machines, writes the Spec with the new ones in their
// place, and starts them as StartAll does. They are the same by name, UUID,
// nics, sockets and console log; otherwise nothing is touched. On any other
// error, which says so, the machines are off, apart from those that could not
// be destroyed; the Spec on the disk is the new one when it was written.
func (c *Client) Replace(ctx context.Context, machines []MachineSpec) error {
	return c.all(ctx, "replace", replaceBody{Machines: machines})
}

func (c *Client) all(ctx context.Context, verb string, body any) error {
	if err := c.call(ctx, http.MethodPost, "/v1/"+verb, body, nil); err != nil {
		return fmt.Errorf("cannot %s the instance's machines: %w", verb, err)
	}
	return nil
}
