package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
)

func (a *app) logsCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs LAB [MACHINE]",
		Short: "Print a machine's console log, or the instance's own log",
		Long: `Prints what the machine wrote on its serial console since it was started;
without MACHINE, the log of the instance's agent. On a terminal control
characters are shown, not obeyed.`,
		Example: `  patchlab logs dental web
  patchlab logs dental -f`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.running(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			path := r.AgentLog()
			if len(args) == 2 {
				if err := r.HasMachine(args[1]); err != nil {
					return err
				}
				path = r.ConsoleLog(args[1])
			}
			return a.logs(cmd.Context(), path, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing as it grows")
	return cmd
}

func (a *app) logs(ctx context.Context, path string, follow bool) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return &lab.HostError{Op: "open the log", Err: err}
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			if err := a.logLine(line); err != nil {
				return err
			}
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) || !follow {
			return ignoreEOF(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// logLine prints one line: harmless on a terminal, byte for byte elsewhere.
func (a *app) logLine(line string) error {
	if isTerminal(a.stdout) {
		line = lab.Printable(strings.TrimRight(line, "\r\n"), 4096) + "\n"
	}
	_, err := fmt.Fprint(a.stdout, line)
	return err
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
