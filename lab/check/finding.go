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

// finding is what one attempt found. It passed when there is no fault.
type finding struct {
	seen     string   // what was seen, for a pass
	faults   []string // what was seen, and what was wanted
	evidence string   // what came back, unfiltered
	err      error    // why the attempt could not be made to its end; a fault
	samples  []float64
	known    []string // printable; see lab.CheckResult for both
}

func (f finding) passed() bool { return f.err == nil && len(f.faults) == 0 }

// fault adds what is wrong.
func (f *finding) fault(format string, args ...any) {
	f.faults = append(f.faults, fmt.Sprintf(format, args...))
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
