package guest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// link is one SSH connection. It ends by itself when the machine goes away or
// does not answer any more.
type link struct {
	client *ssh.Client
	lost   chan struct{} // closed when the connection has ended
	limit  time.Duration // for an answer
	// alive says why the machine can never answer; nil: nobody knows. It is
	// asked every aliveEvery while an answer is late.
	alive      func(context.Context) error
	aliveEvery time.Duration
	wg         sync.WaitGroup

	mu      sync.Mutex
	cause   error // why it ended: the first that was told
	closing bool  // nothing new is started
}

// newLink watches over client until it ends or close is called.
func newLink(client *ssh.Client, cfg Config, aliveEvery time.Duration) *link {
	l := &link{client: client, lost: make(chan struct{}), limit: cfg.KeepaliveLimit, alive: cfg.Alive, aliveEvery: aliveEvery}
	l.spawn(func() {
		l.setCause(l.client.Wait())
		close(l.lost)
	})
	l.spawn(func() { l.keepAlive(cfg.KeepaliveInterval) })
	return l
}

// spawn runs f in a goroutine that close waits for, and reports false when
// close was called already. F must end when the connection does.
func (l *link) spawn(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	l.wg.Go(f)
	return true
}

// close ends the connection and waits until nothing of it runs any more.
func (l *link) close(cause error) {
	l.setCause(cause)
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	_ = l.client.Close() // its error says that it is closed already
	l.wg.Wait()
}

func (l *link) setCause(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause == nil && err != nil {
		l.cause = err
	}
}

// ended reports whether the connection is known to have ended.
func (l *link) ended() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}

// err is ErrConnectionLost with the cause.
func (l *link) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause == nil {
		return ErrConnectionLost
	}
	if errors.Is(l.cause, ErrConnectionLost) {
		return l.cause
	}
	return fmt.Errorf("%w: %w", ErrConnectionLost, plain(l.cause))
}

// keepAlive probes the connection: a suspended machine or a stalled network
// closes no connection, and would be waited for for ever.
func (l *link) keepAlive(interval time.Duration) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-l.lost:
			return
		case <-t.C:
		}
		if !l.answers() {
			l.setCause(fmt.Errorf("%w: the machine has not answered for %s", ErrConnectionLost, l.limit))
			_ = l.client.Close()
			return
		}
	}
}

// answers asks the machine for a sign of life and reports whether one came in
// time. That the machine does not know the request is one. A connection that
// has ended gives false at once: that tells a channel that the machine closed
// from one that was lost.
func (l *link) answers() bool {
	got := make(chan error, 1)
	if !l.spawn(func() {
		_, _, err := l.client.SendRequest("keepalive@openssh.com", true, nil)
		got <- err
	}) {
		return false
	}
	t := time.NewTimer(l.limit)
	defer t.Stop()
	look := time.NewTicker(l.aliveEvery)
	defer look.Stop()
	for {
		select {
		case err := <-got:
			return err == nil
		case <-l.lost:
			return false
		case <-t.C:
			return false
		case <-look.C:
			if err := l.dead(); err != nil {
				l.setCause(fmt.Errorf("%w: %w", ErrConnectionLost, err))
				return false
			}
		}
	}
}

// dead says why the machine can never answer; nil while it still may.
func (l *link) dead() error {
	if l.alive == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	return l.alive(ctx)
}
