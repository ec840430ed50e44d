package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// The exit codes, the same for every command.
const (
	exitOK           = 0
	exitFail         = 1
	exitUsage        = 2
	exitInconclusive = 3
	exitBusy         = 4
	exitInterrupted  = 130
)

const exitHelp = `Exit codes:
  0    pass, or done
  1    the patch failed, or may not go out
  2    wrong usage or a bad definition: nothing was created
  3    inconclusive, or a fault of the lab or this host
  4    busy: locked, or others hold the memory
  130  interrupted, and cleaned up`

// codeError ends the process with a code of its own: the command has said all
// there is to say.
type codeError int

func (c codeError) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// exitCode prints err, with a hint where there is one, and maps it to the
// exit code.
func (a *app) exitCode(ctx context.Context, err error) int {
	stderr := a.stderr
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[codeError](err); ok {
		return int(code)
	}
	if ctx.Err() != nil {
		return a.interrupted(err)
	}
	if d, ok := errors.AsType[*hcl.Diagnostics](err); ok {
		_ = d.Write(stderr, 100, false)
		return exitUsage
	}
	fmt.Fprintf(stderr, "patchlab: error: %s\n", lab.Printable(err.Error(), 2000))
	printTail(stderr, err)
	code, hint := classify(err)
	if hint != "" {
		fmt.Fprintf(stderr, "patchlab: hint: %s\n", hint)
	}
	return code
}

// interrupted says how the clean-up went.
func (a *app) interrupted(err error) int {
	if left, ok := errors.AsType[*lab.LeftoverError](err); ok {
		fmt.Fprintf(a.stderr, "patchlab: interrupted: %s\npatchlab: hint: patchlab gc removes what is left\n",
			lab.Printable(left.Error(), 2000))
	} else if up, ok := errors.AsType[*upError](err); ok {
		fmt.Fprintf(a.stderr, "patchlab: interrupted: %s\npatchlab: hint: patchlab snapshots %s shows where it stands\n",
			lab.Printable(up.Error(), 2000), up.ref)
	} else {
		a.say("patchlab: interrupted: everything was cleaned up")
	}
	return exitInterrupted
}

// upError is what went wrong with a lab that stays up: an interrupt leaves it
// where it is.
type upError struct {
	ref string
	err error
}

// Error names the lab and the cause.
func (e *upError) Error() string { return fmt.Sprintf("lab %s stays up: %v", e.ref, e.err) }

// Unwrap returns the cause.
func (e *upError) Unwrap() error { return e.err }

// say writes a line about an interrupt. A proxy says nothing: being hung up
// on is how its connections end, and its standard error is another program's.
func (a *app) say(line string) {
	if !a.proxy.Load() {
		fmt.Fprintln(a.stderr, line)
	}
}

// classify gives an error's exit code and hint.
func classify(err error) (code int, hint string) {
	if e, ok := errors.AsType[*lab.UsageError](err); ok {
		return exitUsage, e.Hint
	}
	if _, ok := errors.AsType[*lab.BusyError](err); ok {
		return exitBusy, "patchlab status shows who holds what"
	}
	if e, ok := errors.AsType[*lab.HostError](err); ok {
		return exitInconclusive, e.Hint
	}
	return exitInconclusive, ""
}

// printTail shows the last lines of the console that a machine's error
// carries.
func printTail(w io.Writer, err error) {
	e, ok := errors.AsType[*lab.GuestError](err)
	if !ok || e.Tail == "" {
		return
	}
	for line := range strings.Lines(e.Tail) {
		fmt.Fprintf(w, "  | %s\n", lab.Printable(strings.TrimRight(line, "\r\n"), 200))
	}
	if e.LogPath != "" {
		fmt.Fprintf(w, "  all of it: %s\n", e.LogPath)
	}
}

// usagef makes a usage error with a hint.
func usagef(hint, format string, args ...any) error {
	return &lab.UsageError{Err: fmt.Errorf(format, args...), Hint: hint}
}
