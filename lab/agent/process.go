package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"syscall"

	"github.com/gofrs/flock"
)

// Process is an agent that this process has launched.
type Process struct {
	Client *Client
	PID    int

	spec   *Spec
	cmd    *exec.Cmd
	parent *os.File // the lifeline's end
	done   chan struct{}
	exit   error // valid once done is closed
}

func newProcess(cmd *exec.Cmd, spec *Spec, parent *os.File) *Process {
	p := &Process{
		Client: NewClient(spec.SocketPath()), PID: cmd.Process.Pid,
		spec: spec, cmd: cmd, parent: parent, done: make(chan struct{}),
	}
	go func() {
		p.exit = cmd.Wait()
		close(p.done)
	}()
	return p
}

// Done is closed when the agent has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait returns when the agent has ended: nil after an orderly end, an
// *exec.ExitError, or ctx's error when that ends first.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.exit
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Detach lets a Child stay when this process ends. It may be called once.
func (p *Process) Detach() error {
	if _, err := p.parent.Write([]byte{detachWord}); err != nil {
		return fmt.Errorf("cannot detach agent %d: %w", p.PID, err)
	}
	return nil
}

// Stop makes the agent destroy its machines and end, and returns when it is
// gone. When ctx ends first the agent and its machines are killed. It may be
// called again. The instance's Dir is the caller's to remove.
func (p *Process) Stop(ctx context.Context) error {
	defer func() { _ = p.parent.Close() }() // not before: it is no orphan
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot end agent %d: %w", p.PID, err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = p.cmd.Process.Kill() // it may have ended just now
		<-p.done
	}
	return p.sweep(ctx)
}

// sweep ends what an agent that died badly left behind. It does nothing while
// another agent has the instance: that is why ours ended then.
func (p *Process) sweep(ctx context.Context) error {
	if p.exit == nil {
		return nil
	}
	l := flock.New(p.spec.LockPath(), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // its folder is gone: nobody has it
		return fmt.Errorf("cannot lock the instance to clean up: %w", err)
	}
	if err == nil && !ok {
		return nil
	}
	defer func() { _ = l.Unlock() }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpLimit)
	defer cancel()
	if err := KillLeftovers(ctx, p.spec, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	return os.RemoveAll(p.spec.RunDir)
}
