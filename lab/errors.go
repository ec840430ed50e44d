package lab

import (
	"errors"
	"fmt"
	"strings"
)

// GuestError is the fault of a machine: it did not boot, it stopped
// answering, its disk is full. It is evidence about the lab or the patch.
type GuestError struct {
	Machine string
	Op      string // "boot", "reach over SSH", "reboot", …
	Err     error
	Tail    string // last lines of the console or of the command's output; untrusted
	LogPath string // the whole of it; empty when there is none
}

// Error names the machine and the cause, without the tail.
func (e *GuestError) Error() string {
	return fmt.Sprintf("cannot %s machine %q: %v", e.Op, e.Machine, e.Err)
}

// Unwrap returns the cause.
func (e *GuestError) Unwrap() error { return e.Err }

// redactError takes the lab's secrets out of what machines printed in an
// error of one or several machines, in place.
func redactError(err error, redact func(string) string) {
	switch e := err.(type) { //nolint:errorlint // the whole tree is walked
	case *GuestError:
		e.Tail = redact(e.Tail)
		if text := e.Err.Error(); redact(text) != text {
			e.Err = errors.New(redact(text))
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			redactError(inner, redact)
		}
	case interface{ Unwrap() error }:
		redactError(e.Unwrap(), redact)
	}
}

// isGuestFault reports whether a machine is to blame for err, and not this
// host or whoever interrupted.
func isGuestFault(err error) bool {
	_, host := errors.AsType[*HostError](err)
	_, guest := errors.AsType[*GuestError](err)
	return guest && !host
}

// HostError is the fault of this host or of patchlab: a package is missing,
// the disk is full, QEMU does not start. It says nothing about the patch.
type HostError struct {
	Op   string // what could not be done
	Err  error
	Hint string // what to do, best a command to paste; may be empty
}

// Error says what could not be done and why.
func (e *HostError) Error() string { return fmt.Sprintf("cannot %s: %v", e.Op, e.Err) }

// Unwrap returns the cause.
func (e *HostError) Unwrap() error { return e.Err }

// LeftoverError means that something of an instance could not be taken down.
type LeftoverError struct {
	Instance string // its id
	Err      error
}

// Error names the instance and the cause.
func (e *LeftoverError) Error() string {
	return fmt.Sprintf("cannot take down instance %s: %v", e.Instance, e.Err)
}

// Unwrap returns the cause.
func (e *LeftoverError) Unwrap() error { return e.Err }

// BusyError means that somebody else holds what is needed.
type BusyError struct {
	What   string // "memory", "lab \"dental\""
	Holder string // who holds it, for the message
}

// Error says what is busy and who holds it.
func (e *BusyError) Error() string { return fmt.Sprintf("%s is in use by %s", e.What, e.Holder) }

// UsageError is a wrong argument or definition: nothing was created.
type UsageError struct {
	Err  error
	Hint string
}

// Error returns the cause's text.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// Redactor returns a function that replaces every secret of the lab in a
// text by "(sensitive)". Secrets shorter than four bytes are left alone: they
// would tear ordinary text to pieces.
func (l *Lab) Redactor() func(string) string {
	var pairs []string
	add := func(s string) {
		if len(s) >= 4 {
			pairs = append(pairs, s, "(sensitive)")
		}
	}
	for _, s := range l.Secrets {
		add(s)
		if strings.Contains(s, "\n") { // a key, say, printed line by line
			for line := range strings.Lines(s) {
				add(strings.TrimSpace(line))
			}
		}
	}
	return strings.NewReplacer(pairs...).Replace
}
