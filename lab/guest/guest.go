// Package guest reaches a running machine over SSH: it runs commands, copies
// files, reboots the machine, waits until it rests and dials from it. One
// connection is kept and shared, and made again when it was lost. The
// machine's host key is pinned; there is no trust on first use.
//
// It also does inside the machine what saving and waking one takes: before
// the save FreezeUpdaters, Rest, Plant and Trim, in this order, and in each
// fork Connect and Wake.
//
// Linux machines are given commands for a POSIX shell, Windows machines for
// PowerShell 5.1, where the user is an administrator: see windows.
//
// It does not start machines or know how they are wired (package agent), and
// does not know what a patch or a check is.
package guest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// Config says how to reach one machine. All fields without "may be" are
// needed.
type Config struct {
	Machine *lab.Machine
	User    string        // who logs in: "root" for all that patchlab does
	Signer  ssh.Signer    // the lab's key
	HostKey ssh.PublicKey // the only host key that is accepted
	// Dial opens a connection to the machine's SSH port.
	Dial       func(ctx context.Context) (net.Conn, error)
	ConsoleLog string // path, for error messages; may be empty
	// Alive says why the machine can never answer: it is off, QEMU died, it
	// has nothing to boot from. Nil means that it may still come. It is asked
	// between attempts to connect; may be nil.
	Alive func(ctx context.Context) error
	Log   *slog.Logger // may be nil
	// KeepaliveInterval is how often a silent connection is probed, 15 s by
	// default; KeepaliveLimit how long an answer may take before the
	// connection is given up, 60 s by default (emulated machines are slow).
	KeepaliveInterval, KeepaliveLimit time.Duration
	// ReconnectLimit is how long a lost connection is tried again before a
	// call fails, 60 s by default.
	ReconnectLimit time.Duration
}

const (
	// handshakeLimit is for one attempt to connect: emulated machines need
	// about a second, several when the host is busy.
	handshakeLimit = 60 * time.Second
	// These together stay below the 10 sessions that sshd allows on one
	// connection. An upload runs commands meanwhile, so it may not take the
	// place of one.
	sessionsAtOnce = 6
	uploadsAtOnce  = 2
	killsAtOnce    = 1
)

// Guest is a machine reached over SSH. It implements lab.Guest.
type Guest struct {
	cfg      Config
	sessions chan struct{} // one entry for each command that runs
	uploads  chan struct{} // the same for uploads
	kills    chan struct{} // the same for commands that kill
	dialing  chan struct{} // held by whoever makes the connection
	limits   limits
	root     string // stands before the machine's paths; only tests set it

	mu     sync.Mutex
	link   *link // nil before the first connection
	closed bool
}

// limits are what a test shortens.
type limits struct {
	poll     time.Duration // between looks at a state that is waited for
	quiet    time.Duration // see session.wait
	alive    time.Duration // between looks at a machine whose answer is late
	greeting time.Duration // see expectGreeting
	knock    time.Duration // how long Knock tries
	stop     time.Duration // how long a system may take to go down, beyond the time it may take to boot
}

var _ lab.Guest = (*Guest)(nil)

// errClosed is what a guest's methods return after Close.
var errClosed = errors.New("the connection was closed")

// New returns a guest that is not connected yet: the first call that needs
// the machine connects. A missing field of cfg is the caller's bug.
func New(cfg Config) *Guest {
	if cfg.Machine == nil || cfg.Signer == nil || cfg.HostKey == nil || cfg.Dial == nil || cfg.User == "" {
		panic("guest: incomplete Config")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&cfg.KeepaliveInterval, 15*time.Second)
	setDefault(&cfg.KeepaliveLimit, 60*time.Second)
	setDefault(&cfg.ReconnectLimit, 60*time.Second)
	cfg.Log = cfg.Log.With("machine", cfg.Machine.Name)
	return &Guest{
		cfg:      cfg,
		sessions: make(chan struct{}, sessionsAtOnce),
		uploads:  make(chan struct{}, uploadsAtOnce),
		kills:    make(chan struct{}, killsAtOnce),
		dialing:  make(chan struct{}, 1),
		limits:   limits{poll: time.Second, alive: 3 * time.Second, quiet: 3 * time.Second, greeting: 15 * time.Second, knock: knockLimit, stop: 2 * time.Minute},
	}
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// Machine is the machine's definition.
func (g *Guest) Machine() *lab.Machine { return g.cfg.Machine }

// Close drops the connection; what runs over it fails. The machine runs on.
// It may be called again.
func (g *Guest) Close() error {
	g.mu.Lock()
	g.closed = true
	l := g.link
	g.mu.Unlock()
	if l != nil {
		l.close(errClosed)
	}
	return nil
}

// drop gives up the connection, if there is one: the next call makes another.
func (g *Guest) drop(cause error) {
	g.mu.Lock()
	l := g.link
	g.mu.Unlock()
	if l != nil {
		l.close(cause)
	}
}

// acquire takes one of the slots, or returns ctx's cause.
func acquire(ctx context.Context, slots chan struct{}) (release func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
