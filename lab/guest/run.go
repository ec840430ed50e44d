package guest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	// killLimit is for ending a command on the machine: TERM, 5 s, KILL.
	killLimit = 20 * time.Second
	// drainLimit is for a session to end once its command was killed.
	drainLimit = 5 * time.Second
)

// Run runs one command. See lab.Guest for the contract. Further: a command
// that exceeds its own Timeout is killed and gives a *lab.GuestError with a
// *TimeoutError in it; a connection that ends meanwhile gives one with
// ErrConnectionLost. In both cases, and when ctx ended, Output holds what came
// so far. A daemon that the command leaves behind does not hold Run up. Stdin
// must not block for ever once the command has ended.
func (g *Guest) Run(ctx context.Context, c lab.Command) (lab.Output, error) {
	d, err := g.dialect()
	if err != nil {
		return lab.Output{}, err
	}
	mark := "patchlab-" + rand.Text() + " "
	line, stdin, err := d.wrap(c, mark)
	if err != nil {
		return lab.Output{}, fmt.Errorf("cannot run a command on machine %q: %w", g.cfg.Machine.Name, err)
	}
	own := ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		own, cancel = context.WithTimeoutCause(ctx, c.Timeout, &TimeoutError{c.Timeout})
		defer cancel()
	}
	r := &running{guest: g, dialect: d, status: exitStatus{code: -1}, stdout: &sink{to: c.Stdout}, stderr: &sink{to: c.Stderr}}
	r.announced = announcement{mark: mark, to: r.stderr}
	start := time.Now()
	err = r.run(own, line, stdin)
	out, werr := r.output(time.Since(start))
	switch {
	case err == nil && werr != nil:
		return out, &lab.HostError{Op: "write the output of a command", Err: werr}
	case err == nil:
		return out, nil
	}
	return out, g.blame(ctx, "run a command on", err)
}

// running is one Run under way.
type running struct {
	guest          *Guest
	dialect        dialect
	stdout, stderr *sink
	announced      announcement
	status         exitStatus
	whole          bool
}

func (r *running) run(ctx context.Context, line string, stdin io.Reader) error {
	g := r.guest
	release, err := acquire(ctx, g.sessions)
	if err != nil {
		return err
	}
	defer release()
	l, err := g.reach(ctx)
	if err != nil {
		return err
	}
	s, err := l.start(ctx, line, stdin, r.stdout, &r.announced)
	if err != nil {
		return err
	}
	defer func() { _ = s.ch.Close() }()
	status, whole, err := s.wait(ctx, g.limits.quiet, func() int64 { return r.stdout.total() + r.stderr.total() })
	if err == nil {
		r.status, r.whole = status, whole
		return nil
	}
	if ctx.Err() != nil {
		r.stop(ctx, l, s)
		return context.Cause(ctx)
	}
	if errors.Is(err, errNoSession) && !l.answers() {
		return l.err()
	}
	return err
}

// stop ends the command on the machine as far as that allows, then the
// session, and waits a little for its last output.
func (r *running) stop(ctx context.Context, l *link, s *session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killLimit)
	defer cancel()
	if pid := r.announced.pid(); pid > 1 {
		if err := r.guest.kill(ctx, l, r.dialect.kill(pid), nil); err != nil {
			r.guest.cfg.Log.Warn("cannot kill a command on the machine", "pid", pid, "error", err)
		}
	}
	_ = s.ch.Close()
	select {
	case <-s.drained:
	case <-time.After(drainLimit):
	}
}

// kill runs a command that kills, in a session kept free for that.
func (g *Guest) kill(ctx context.Context, l *link, command string, stdin io.Reader) error {
	release, err := acquire(ctx, g.kills)
	if err != nil {
		return err
	}
	defer release()
	s, err := l.start(ctx, command, stdin, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	defer func() { _ = s.ch.Close() }()
	st, _, err := s.wait(ctx, g.limits.quiet, func() int64 { return 0 })
	if err == nil && st.code != 0 {
		err = fmt.Errorf("exit code %d", st.code)
	}
	return err
}

// output collects what the command left.
func (r *running) output(d time.Duration) (lab.Output, error) {
	r.announced.flush()
	out := lab.Output{ExitCode: r.status.code, Signal: lab.Printable(r.status.signal, 40), Duration: d}
	var cutOut, cutErr bool
	var errOut, errErr error
	out.Stdout, cutOut, errOut = r.stdout.finish()
	out.Stderr, cutErr, errErr = r.stderr.finish()
	out.Truncated = cutOut || cutErr || !r.whole
	return out, errors.Join(errOut, errErr)
}
