// Package check makes smoke checks: one attempt of each kind, the retries
// around them, and the words for what was seen.
//
// A check passes only when everything that it asserts was seen to hold: a
// timeout, an answer that broke off or one of which only a part was read is
// no pass. The package does not know what a result means for a patch.
package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

const (
	maxMessage  = 400     // bytes
	maxEvidence = 4 << 10 // bytes
)

// Runner makes checks. It implements lab.CheckRunner. The zero Runner is
// ready to use; its methods may be called at the same time.
type Runner struct {
	// Redact takes secrets out of text before it is cut; nil: there are none.
	Redact func(string) string
}

var _ lab.CheckRunner = Runner{}

// attempt makes one attempt of a check of any kind. This is the table of
// kinds.
func attempt(ctx context.Context, spec lab.CheckSpec, at place) finding {
	switch s := spec.(type) {
	case *lab.CommandCheck:
		return command(ctx, s, at)
	case *lab.TCPCheck:
		return tcp(ctx, s, at)
	case *lab.HTTPCheck:
		return web(ctx, s, at)
	case *lab.ServiceCheck:
		return service(ctx, s, at)
	case *lab.DNSCheck:
		return name(ctx, s, at)
	}
	return finding{faults: []string{fmt.Sprintf("this version knows no check of kind %q", spec.Kind())}}
}

// place is where a check is made from, with its name.
type place struct {
	lab.Place
	name string
}

// finding is what one attempt found. It passed when there is no fault.
type finding struct {
	seen     string   // what was seen, for a pass
	faults   []string // what was seen, and what was wanted
	evidence string   // what came back, unfiltered
	err      error    // why the attempt could not be made to its end; a fault
}

func (f finding) passed() bool { return f.err == nil && len(f.faults) == 0 }

// RunCheck makes check c with its timeout and retries. See lab.CheckRunner.
// When ctx ends, the result is that of the last attempt, not passed.
func (r Runner) RunCheck(ctx context.Context, c *lab.Check, at lab.Place) lab.CheckResult {
	start, from, redact := time.Now(), place{at, c.Place()}, r.Redact
	if redact == nil {
		redact = func(s string) string { return s }
	}
	var last finding
	attempts := 0
	// Wait's error only says that the attempts were used up or ctx ended:
	// the last finding says more.
	_ = guest.Wait(ctx, guest.Waiting{What: "check " + c.Name, Interval: c.Interval}, func(ctx context.Context) error {
		attempts++
		last = limited(ctx, c, from)
		switch {
		case last.passed():
			return nil
		case attempts > c.Retries:
			return guest.Permanent(errFailed)
		}
		return errFailed
	})
	return lab.CheckResult{
		Passed:   last.passed(),
		Message:  lab.Printable(redact(last.message(from.name, c.Timeout)), maxMessage),
		Evidence: lab.PrintableText(redact(last.evidence), maxEvidence),
		Attempts: attempts,
		Duration: time.Since(start),
	}
}

var errFailed = errors.New("the check failed")

// limited makes one attempt within the check's timeout. An attempt that found
// all well but took longer has failed too.
func limited(ctx context.Context, c *lab.Check, at place) finding {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	f := attempt(ctx, c.Spec, at)
	// Whatever a connection says that was closed because time is up, that is
	// the cause; an error that names a machine says more.
	if _, machine := errors.AsType[*lab.GuestError](f.err); ctx.Err() != nil && !machine {
		f.err = context.Cause(ctx)
	}
	return f
}

// message is what was seen, and what was wanted where it failed; unfiltered.
func (f finding) message(from string, timeout time.Duration) string {
	parts := f.faults
	if f.err != nil {
		parts = append([]string{explain(f.err, from, timeout)}, parts...)
	}
	if len(parts) == 0 {
		parts = []string{f.seen}
	}
	return strings.Join(parts, "; ")
}

// explain says why an attempt did not come to its end. A machine that cannot
// be asked is told from one that gives a wrong answer.
func explain(err error, from string, timeout time.Duration) string {
	machine, unreachable := errors.AsType[*lab.GuestError](err)
	var late *guest.TimeoutError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case unreachable && !errors.As(err, &late):
		return fmt.Sprintf("the check could not be made from %s: %v", from, machine)
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return fmt.Sprintf("not done within %s", timeout)
	}
	return err.Error()
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}
