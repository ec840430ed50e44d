package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
)

// closeLimit is how long machines may take to end before they are killed.
const closeLimit = time.Minute

// Opener starts the hypervisor of an instance.
type Opener func(context.Context, *Spec, *slog.Logger) (Hypervisor, error)

// RunOptions change how Run lives and ends. The zero value is right for an
// agent without a parent.
type RunOptions struct {
	// Ready is called once: with nil when the agent serves, or with the
	// error that Run returns when it never did. May be nil.
	Ready func(error)
	// Lifeline reads its end when the process the agent belongs to has
	// died: the agent ends then. May be nil.
	Lifeline io.Reader
	// RemoveDir makes an agent whose lifeline ended remove Spec.Dir too:
	// nobody is left to do it.
	RemoveDir bool
	// Network makes the networks; nil: package network's.
	Network NetMaker
	// Debug logs more.
	Debug bool
}

// errOrphan and errShutdown say why an agent ends.
var (
	errOrphan   = errors.New("the process it belongs to died")
	errShutdown = errors.New("asked to")
)

// Run is an agent's whole life: it takes the instance's lock, starts networks
// and hypervisor, serves the control API and, when ctx ends, somebody asks for
// it or the lifeline ends, destroys the machines and removes RunDir. Machines
// are started through the API.
//
// It returns nil after an orderly end. Errors: *lab.BusyError when another
// agent has the instance, *lab.HostError; whatever kept it from ending
// cleanly, joined.
func Run(ctx context.Context, spec *Spec, open Opener, o RunOptions) error {
	if o.Network == nil {
		o.Network = userSpaceNet
	}
	if o.Ready == nil {
		o.Ready = func(error) {}
	}
	p := &process{spec: spec, o: o}
	ctx, p.end = context.WithCancelCause(ctx)
	defer p.end(nil)
	err := p.start(ctx, open)
	if err == nil {
		o.Ready(nil)
		p.watchLifeline()
		<-ctx.Done()
		p.log.Info("agent ends", "cause", context.Cause(ctx))
	}
	p.orphan = errors.Is(context.Cause(ctx), errOrphan)
	if closing := p.close(); err == nil {
		return closing
	} else if closing != nil {
		err = errors.Join(err, closing)
	}
	o.Ready(err)
	return err
}

// process is a running agent.
type process struct {
	spec *Spec
	o    RunOptions
	end  context.CancelCauseFunc
	log  *slog.Logger

	orphan bool // it ends because its parent died

	undo []func() error // in the order of what was done
}

func (p *process) onClose(f func() error) { p.undo = append(p.undo, f) }

// start does everything up to serving. What it did is undone by close.
func (p *process) start(ctx context.Context, open Opener) error {
	if err := p.spec.Check(); err != nil {
		return &lab.HostError{Op: "start the agent", Err: err}
	}
	if err := p.takeLock(); err != nil {
		return err
	}
	if err := p.openLog(); err != nil {
		return &lab.HostError{Op: "open the agent's log", Err: err}
	}
	p.log.Info("agent starts", "id", p.spec.ID, "lab", p.spec.Lab, "arm", p.spec.Arm, "pid", os.Getpid(), "accel", p.spec.Accel)
	owner, err := QEMUOwner()
	if err != nil {
		return err
	}
	if err := p.makeRunDir(owner); err != nil {
		return &lab.HostError{Op: "make the instance's run folder", Err: err}
	}
	return p.startParts(ctx, open, owner)
}

func (p *process) startParts(ctx context.Context, open Opener, owner Owner) error {
	n, err := p.o.Network(p.spec.Networks, p.log)
	if err != nil {
		return err
	}
	s, err := openSockets(p.spec, n, owner, p.log)
	if err != nil {
		return &lab.HostError{Op: "prepare the instance's sockets", Err: errors.Join(err, n.Close())}
	}
	// The network's connections end before the goroutines that wait for
	// them are waited for.
	p.onClose(func() error { return errors.Join(n.Close(), s.close()) })
	h, err := open(ctx, p.spec, p.log)
	if err != nil {
		return err
	}
	p.onClose(func() error { return p.closeHypervisor(h) })
	a := &api{
		hv: h, net: n, consoles: s.consoles, log: p.log,
		started: time.Now().UTC(), shutdown: func() { p.end(errShutdown) },
	}
	a.spec.Store(p.spec)
	stop, err := serve(ctx, a)
	if err != nil {
		return &lab.HostError{Op: "serve the control API", Err: err}
	}
	p.onClose(stop)
	return nil
}

func (p *process) takeLock() error {
	l := flock.New(p.spec.LockPath(), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return &lab.HostError{Op: "lock the instance", Err: err}
	}
	if !ok {
		return &lab.BusyError{What: fmt.Sprintf("instance %q of lab %q", p.spec.ID, p.spec.Lab), Holder: "another agent"}
	}
	p.onClose(func() error { return errors.Join(p.removeDir(), l.Unlock()) })
	return nil
}

func (p *process) openLog() error {
	f, err := openCappedLog(p.spec.LogPath())
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if p.o.Debug {
		level = slog.LevelDebug
	}
	p.log = slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level}))
	p.onClose(f.Close)
	return nil
}

// makeRunDir makes the folder of sockets; QEMU's user may pass through it.
func (p *process) makeRunDir(owner Owner) error {
	mode := os.FileMode(0o700)
	if owner.Other {
		mode = 0o711
	}
	if err := os.MkdirAll(filepath.Dir(p.spec.RunDir), 0o711); err != nil { //nolint:gosec // QEMU's user passes through
		return err
	}
	if err := os.Mkdir(p.spec.RunDir, mode); err != nil && !os.IsExist(err) {
		return err
	}
	p.onClose(p.removeRunDir)
	return os.Chmod(p.spec.RunDir, mode)
}
