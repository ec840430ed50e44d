package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// leave is Ctrl-], what telnet and virsh leave a console with.
const leave = 0x1d

func (a *app) consoleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "console LAB MACHINE",
		Short: "Sit at the serial console of a machine (Ctrl-] leaves)",
		Long: `Connects the terminal to the machine's first serial port, where it boots and
logs in. Ctrl-] leaves; the machine runs on. What the machine prints reaches the
terminal as it is: for reading a log of a machine that you do not trust, use
patchlab logs.`,
		Example:           "  patchlab console dental web",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.console(cmd.Context(), args[0], args[1])
		},
	}
}

func (a *app) console(ctx context.Context, ref, machine string) error {
	r, err := a.running(ctx, ref)
	if err != nil {
		return err
	}
	if err := r.HasMachine(machine); err != nil {
		return err
	}
	conn, err := agent.NewClient(r.Spec.SocketPath()).Console(ctx, machine)
	if err != nil {
		return err
	}
	parent := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f, ok := a.stdin.(*os.File); ok && isTerminal(f) {
		fmt.Fprintf(a.stderr, "console of %s: Ctrl-] leaves\r\n", machine)
		old, err := term.MakeRaw(int(f.Fd()))
		if err != nil {
			return &lab.HostError{Op: "take over the terminal", Err: err}
		}
		defer func() { _ = term.Restore(int(f.Fd()), old) }()
		a.stdin = &leaveReader{r: f, left: cancel}
	}
	err = a.pipe(ctx, conn)
	if errors.Is(err, context.Canceled) && parent.Err() == nil {
		return nil // the leave key
	}
	return err
}

// leaveReader ends where the leave key is pressed.
type leaveReader struct {
	r    io.Reader
	left func()
}

// Read reads up to the leave key.
func (l *leaveReader) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	for i, c := range b[:n] {
		if c == leave {
			l.left()
			return i, io.EOF
		}
	}
	return n, err
}
