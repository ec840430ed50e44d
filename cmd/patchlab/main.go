// Command patchlab tests patches on copies of a customer's machines. Its
// files are one command each: flags, one call into the library, output. All
// logic is in the packages lab, hcl and snapshots.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Main runs one command and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, env: os.Environ()}
	ctx, stop := a.interruptible()
	defer stop()
	root := newRoot(a)
	root.SetArgs(longFlags(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return a.exitCode(ctx, root.ExecuteContext(ctx))
}

// interruptible returns a context that the first interrupt ends, so that
// everything is cleaned up; the second ends the process at once.
func (a *app) interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	// A reader that went away is no reason to leave machines behind: what is
	// written fails, and the command goes on to its end.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup, and jobs in the background
			signal.Notify(signals, s)
		}
	}
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-signals:
				if n > 0 {
					os.Exit(exitInterrupted)
				}
				a.say("patchlab: interrupted: cleaning up (once more to quit at once)")
				cancel()
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel() }
}

// longFlags lets the flags that Terraform's users know be written with one
// dash, as they are used to: -var, -var-file, -check.
func longFlags(args []string) []string {
	out := slices.Clone(args)
	for i, arg := range out {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(arg, "=")
		if name == "-var" || name == "-var-file" || name == "-check" {
			out[i] = "-" + arg
		}
	}
	return out
}
