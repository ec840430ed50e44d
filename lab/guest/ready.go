package guest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// answerLimit is for one small question to the machine.
const answerLimit = 60 * time.Second

// WaitReady waits until SSH answers and the machine's first boot is done. It
// reports to p at least every 10 s what it waits for. Giving up after timeout
// it returns a *lab.GuestError with the last cause and the console's tail; a
// machine of which Alive says that it can never answer, or that has another
// host key, gives one at once.
func (g *Guest) WaitReady(ctx context.Context, timeout time.Duration, p lab.Progress) error {
	start := time.Now()
	w := Waiting{What: "SSH on " + g.cfg.Machine.Name, Interval: g.limits.poll, Limit: timeout, Progress: p}
	if _, err := g.await(ctx, w); err != nil {
		return err
	}
	w.What = "first boot of " + g.cfg.Machine.Name
	w.Limit = max(timeout-time.Since(start), answerLimit)
	return g.waitState(ctx, "boot", w, false)
}

// Connect connects to a machine that is known to be ready, as a fork is, and
// asks it nothing. It tries again at once and then ever slower, until limit
// is over. Its errors are those of WaitReady.
func (g *Guest) Connect(ctx context.Context, limit time.Duration) error {
	_, err := g.await(ctx, Waiting{
		What:     "SSH on " + g.cfg.Machine.Name,
		First:    firstRetry,
		Interval: g.limits.poll,
		Limit:    limit,
	})
	return err
}

// firstRetry is short beside what a handshake takes: where SSH is about to
// answer, waiting longer would be all that is waited for.
const firstRetry = 50 * time.Millisecond

// Settle waits until the system is at rest. See lab.Guest.
func (g *Guest) Settle(ctx context.Context, p lab.Progress) error {
	w := Waiting{What: g.cfg.Machine.Name + " to come to rest", Interval: g.limits.poll, Limit: settleLimit, Progress: p}
	return g.waitState(ctx, "settle", w, true)
}

// settleLimit is long enough for a package manager that works in the
// background on an emulated machine.
const settleLimit = 15 * time.Minute

// waitState waits until the machine says that it is ready.
func (g *Guest) waitState(ctx context.Context, op string, w Waiting, packages bool) error {
	d, err := g.dialect()
	if err != nil {
		return err
	}
	err = Wait(ctx, w, func(ctx context.Context) error {
		answer, err := g.ask(ctx, d.state(packages))
		if err != nil {
			return err
		}
		return parseState(answer)
	})
	if err != nil {
		return ctxOr(ctx, g.fail(op, err))
	}
	return nil
}

// parseState returns nil for "ready". What cannot be read is not ready.
func parseState(answer string) error {
	word, rest, _ := strings.Cut(answer, " ")
	switch word {
	case "ready":
		return nil
	case "wait":
		return errors.New(rest)
	case "fail":
		return Permanent(errors.New(rest))
	}
	return fmt.Errorf("unexpected answer %q", answer)
}

// ask runs a command of the dialect, which must exit with 0, and returns the
// last line of its output, printable.
func (g *Guest) ask(ctx context.Context, shell string) (string, error) {
	out, err := g.Run(ctx, lab.Command{Shell: shell, Timeout: answerLimit})
	switch {
	case err != nil:
		if e, ok := errors.AsType[*lab.GuestError](err); ok {
			return "", e.Err // the caller's error names the machine
		}
		return "", err
	case out.ExitCode != 0:
		return "", fmt.Errorf("exit code %d: %s", out.ExitCode, lab.Printable(strings.TrimSpace(string(out.Stderr)), 200))
	}
	text := strings.TrimSpace(string(out.Stdout))
	return lab.Printable(text[strings.LastIndexByte(text, '\n')+1:], 200), nil
}
