package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Tool is one run of a program of the host.
type Tool struct {
	Name   string   // looked up in PATH
	Args   []string // without the name
	Env    []string // added to this process's
	Stdin  *os.File // nil: empty
	Stdout io.Writer
	Stderr io.Writer // may be the same as Stdout; nil: dropped
}

// Runner runs programs. It is replaced in tests.
type Runner interface {
	// Run returns when the program and all its children ended. When ctx
	// ends they are asked to end, then killed, and ctx's error is returned.
	// A program that is not installed gives an error that wraps
	// exec.ErrNotFound; one that failed wraps *exec.ExitError.
	Run(ctx context.Context, t Tool) error
}

// Limits of what a program that is told to end gets to clean up with.
const killDelay = 15 * time.Second

// hostRunner runs programs on the host.
type hostRunner struct{}

// Run implements Runner.
func (hostRunner) Run(ctx context.Context, t Tool) error {
	path, err := lookProgram(t.Name)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", t.Name, err)
	}
	cmd := exec.CommandContext(ctx, path, t.Args...) //nolint:gosec // programs are named by this package alone
	cmd.Dir = "/"                                    // the user of a namespace may not be able to read ours
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	cmd.Env = append(cmd.Env, t.Env...)
	if t.Stdin != nil {
		cmd.Stdin = t.Stdin
	}
	cmd.Stdout, cmd.Stderr = t.Stdout, t.Stderr
	// A group of its own, so that its children end with it, and so that the
	// terminal's Ctrl-C reaches patchlab alone, which then ends it in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = killDelay
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", t.Name, err)
	}
	err = cmd.Wait()
	// Whatever of the group outlived its leader; mostly nothing. While any
	// of it lives, the kernel gives its number to nobody else.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if ctx.Err() != nil {
		return fmt.Errorf("cannot finish %s: %w", t.Name, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("%s failed: %w", t.Name, err)
	}
	return nil
}

// missing reports whether err means that a program is not installed.
func missing(err error) bool { return errors.Is(err, exec.ErrNotFound) }

// lookProgram finds a program, also in the folders of root's programs, which
// Debian leaves out of an ordinary user's PATH.
func lookProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err == nil {
			break
		}
		if found, e := exec.LookPath(filepath.Join(dir, name)); e == nil {
			path, err = found, nil
		}
	}
	return path, err
}
