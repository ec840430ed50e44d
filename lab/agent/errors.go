package agent

import (
	"errors"

	"github.com/patchlab/patchlab/lab"
)

// ErrNoAgent means that nobody serves an instance: its agent has not started
// yet, or has ended.
var ErrNoAgent = errors.New("no agent runs for this instance")

// What a Hypervisor's errors wrap, so that callers need not read texts.
var (
	ErrUnknownMachine = errors.New("no such machine in this instance")
	ErrNotRunning     = errors.New("the machine does not run")
	ErrRunning        = errors.New("the machine runs already")
	ErrClosed         = errors.New("the instance is being taken down")
)

// ErrBusy means that another call does something to all machines of the
// instance, and was not touched by this one. It is a *lab.BusyError.
var ErrBusy error = &lab.BusyError{What: "the instance", Holder: "another call"}
