package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// ErrConnectionLost is in every error that comes from a connection which
// ended while something was under way on it: whether the command went on is
// unknown.
var ErrConnectionLost = errors.New("the SSH connection was lost")

// TimeoutError means that a command was killed because it took longer than
// its own limit. It is a context.DeadlineExceeded.
type TimeoutError struct{ Limit time.Duration }

// Error names the limit.
func (e *TimeoutError) Error() string { return fmt.Sprintf("it did not finish within %s", e.Limit) }

// Is makes errors.Is(e, context.DeadlineExceeded) true.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// HostKeyError means that whoever answered is not the machine: its host key
// is not the pinned one.
type HostKeyError struct {
	Got, Want string // fingerprints; Got says what was offered when there was no key of the pinned type
}

// Error names both keys.
func (e *HostKeyError) Error() string {
	return fmt.Sprintf("its SSH host key is %s, not the pinned %s: what answers is not this machine", e.Got, e.Want)
}

// fail makes a *lab.GuestError with the console's tail.
func (g *Guest) fail(op string, err error) *lab.GuestError {
	return &lab.GuestError{
		Machine: g.cfg.Machine.Name,
		Op:      op,
		Err:     err,
		Tail:    consoleTail(g.cfg.ConsoleLog),
		LogPath: g.cfg.ConsoleLog,
	}
}

// ctxOr returns ctx's cause when ctx was cancelled, and otherwise err: who
// interrupts wants no story about machines.
func ctxOr(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}

// blame makes what the contract promises of err: ctx's cause when that ended,
// else a *lab.GuestError. One that is there already stays: it says more.
func (g *Guest) blame(ctx context.Context, op string, err error) error {
	_, told := errors.AsType[*lab.GuestError](err)
	_, host := errors.AsType[*lab.HostError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	case told, host:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return g.fail(op, err)
}

// plain makes an error of the SSH library safe to print: it may hold text
// that the machine sent.
func plain(err error) error {
	if e, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		return errors.New(lab.Printable(e.Message, 200))
	}
	if text := lab.Printable(err.Error(), 300); text != err.Error() {
		return errors.New(text)
	}
	return err
}

const (
	tailLines = 40
	tailBytes = 16 << 10
)

// consoleTail returns the last lines of the console log; empty when it cannot
// be read: it only ever decorates another error.
func consoleTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = f.Seek(-tailBytes, io.SeekEnd)
	}
	b, _ := io.ReadAll(io.LimitReader(f, tailBytes))
	lines := bytes.SplitAfter(bytes.TrimRight(b, "\r\n "), []byte("\n"))
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return string(bytes.Join(lines, nil))
}
