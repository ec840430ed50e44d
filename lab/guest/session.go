package guest

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// session is one command on a machine. The SSH library's own Session only
// returns when all output is closed, which a daemon can prevent; so this
// works on the channel.
type session struct {
	ch      ssh.Channel
	exited  chan exitStatus // gets at most one
	ended   chan struct{}   // closed when the machine closed the channel
	drained chan struct{}   // closed when both outputs have ended
}

// exitStatus is how a command ended.
type exitStatus struct {
	code   int
	signal string
}

// errNoSession means that the machine's SSH server refused or ended a session
// without saying how its command ended.
var errNoSession = errors.New("its SSH server ended the session without an exit code")

// start runs command in a new session.
func (l *link) start(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) (*session, error) {
	type opened struct {
		s   *session
		err error
	}
	got := make(chan opened, 1)
	if !l.spawn(func() {
		s, err := l.open(command, stdin, stdout, stderr)
		got <- opened{s, err}
	}) {
		return nil, l.err()
	}
	select {
	case o := <-got:
		return o.s, o.err
	case <-ctx.Done():
		l.spawn(func() { // a machine that hangs answers later, or its connection ends
			if o := <-got; o.s != nil {
				_ = o.s.ch.Close()
			}
		})
		return nil, context.Cause(ctx)
	}
}

func (l *link) open(command string, stdin io.Reader, stdout, stderr io.Writer) (*session, error) {
	ch, reqs, err := l.client.OpenChannel("session", nil)
	if err != nil {
		return nil, l.orLost(err)
	}
	s := &session{ch: ch, exited: make(chan exitStatus, 1), ended: make(chan struct{}), drained: make(chan struct{})}
	l.wg.Go(func() { s.requests(reqs) }) // not spawn: this runs in a spawned one
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
	if err == nil && !ok {
		err = errors.New("its SSH server refused to run a command")
	}
	if err != nil {
		_ = ch.Close()
		return nil, l.orLost(err)
	}
	var outputs sync.WaitGroup
	outputs.Go(func() { _, _ = io.Copy(stdout, ch) })
	outputs.Go(func() { _, _ = io.Copy(stderr, ch.Stderr()) })
	l.wg.Go(func() { outputs.Wait(); close(s.drained) })
	// The caller's reader may block for ever, so nobody waits for this one.
	go s.feed(stdin)
	return s, nil
}

// orLost replaces err by the connection's error when that is what it comes
// from.
func (l *link) orLost(err error) error {
	if _, refused := errors.AsType[*ssh.OpenChannelError](err); !refused && !l.answers() {
		return l.err()
	}
	return plain(err)
}

func (s *session) feed(stdin io.Reader) {
	if stdin != nil {
		_, _ = io.Copy(s.ch, stdin)
	}
	_ = s.ch.CloseWrite()
}

// requests takes what the machine says about the command.
func (s *session) requests(reqs <-chan *ssh.Request) {
	defer close(s.ended)
	for r := range reqs {
		if st, ok := parseExit(r); ok {
			select {
			case s.exited <- st:
			default: // a second one is a lie
			}
		}
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
}

func parseExit(r *ssh.Request) (exitStatus, bool) {
	switch r.Type {
	case "exit-status":
		var m struct{ Code uint32 }
		err := ssh.Unmarshal(r.Payload, &m)
		return exitStatus{code: int(m.Code)}, err == nil
	case "exit-signal":
		var m struct {
			Signal     string
			CoreDumped bool
			Message    string
			Lang       string
		}
		err := ssh.Unmarshal(r.Payload, &m)
		return exitStatus{code: -1, signal: m.Signal}, err == nil
	}
	return exitStatus{}, false
}

// wait returns how the command ended and whether all its output was read. The
// output of a finished command may stay open for quiet without a byte: a
// daemon that it started keeps it open for ever. Total counts the bytes that
// came so far.
func (s *session) wait(ctx context.Context, quiet time.Duration, total func() int64) (st exitStatus, whole bool, err error) {
	select {
	case st = <-s.exited:
	case <-s.ended:
		select {
		case st = <-s.exited:
		default:
			err = errNoSession
		}
	case <-ctx.Done():
		return st, false, context.Cause(ctx)
	}
	whole = s.drain(ctx, quiet, total)
	if ctx.Err() != nil && !whole {
		err = context.Cause(ctx)
	}
	return st, whole && err == nil, err
}

// drain waits until all output was read, and reports whether it was.
func (s *session) drain(ctx context.Context, quiet time.Duration, total func() int64) bool {
	for {
		before := total()
		select {
		case <-s.drained:
			return true
		case <-ctx.Done():
			return false
		case <-time.After(quiet):
			if total() == before {
				return false
			}
		}
	}
}
