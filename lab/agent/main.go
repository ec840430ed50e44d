package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/patchlab/patchlab/lab"
)

// fdsVariable tells an agent that Launch started it: descriptor 3 is its
// lifeline, 4 is where it says that it is ready.
const fdsVariable = "PATCHLAB_AGENT_FDS"

const (
	lifelineFD = 3
	readyFD    = 4
)

// readiness is the one line that an agent writes to its parent.
type readiness struct {
	Ready bool   `json:"ready,omitempty"`
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Busy  bool   `json:"busy,omitempty"` // another agent has the instance
}

// Main is the agent's command: it runs the instance that the file specPath
// describes, as Launch wants it, until a signal, its parent's death or a
// shutdown request ends it. By hand, without Launch, it runs as well, and
// stays when its terminal goes.
func Main(ctx context.Context, specPath string, open Opener) error {
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	o := RunOptions{Debug: os.Getenv("PATCHLAB_DEBUG") != ""}
	inherit(&o)
	spec, err := ReadSpec(specPath)
	if err != nil {
		err = &lab.HostError{Op: "start the agent", Err: err}
		if o.Ready != nil {
			o.Ready(err)
		}
		return err
	}
	return Run(ctx, spec, open, o)
}

// inherit takes over what Launch left open. Machines must not inherit it.
func inherit(o *RunOptions) {
	if os.Getenv(fdsVariable) == "" {
		return
	}
	_ = os.Unsetenv(fdsVariable)
	syscall.CloseOnExec(lifelineFD)
	syscall.CloseOnExec(readyFD)
	o.Lifeline = os.NewFile(lifelineFD, "lifeline")
	o.RemoveDir = true
	ready := os.NewFile(readyFD, "ready")
	o.Ready = func(err error) {
		_ = tellReady(ready, err) // the parent may be gone; the lifeline says so
		_ = ready.Close()
	}
}

func tellReady(f *os.File, err error) error {
	r := readiness{Ready: err == nil}
	if err != nil {
		r.Error = err.Error()
		var host *lab.HostError
		if errors.As(err, &host) {
			r.Hint = host.Hint
		}
		r.Busy = errors.As(err, new(*lab.BusyError))
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s\n", b)
	return err
}
