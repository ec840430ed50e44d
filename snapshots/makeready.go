package snapshots

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

const (
	// restLimit is how long machines are waited for to become idle before
	// they are saved as they are.
	restLimit = 3 * time.Minute
	// closePause lets the machines see that the connections to them end:
	// forks would find dead sessions.
	closePause = 500 * time.Millisecond
)

// Ready implements lab.Host.
func (e *Engine) Ready(ctx context.Context, l *lab.Lab, logs lab.Logs, o lab.Observer) (lab.Ready, error) {
	return e.ready(ctx, l, logs, o)
}

func (e *Engine) ready(ctx context.Context, l *lab.Lab, logs lab.Logs, o lab.Observer) (_ *ready, err error) {
	if _, err := e.Sweep(ctx); err != nil {
		return nil, err
	}
	defer e.expire(ctx) // after what this run needs was used
	started := time.Now()
	out := &ready{engine: e, lab: l}
	p, end := o.Begin(lab.ArmReady, "", "prepare")
	want, unlock, err := e.wantReady(ctx, l, p)
	end(err)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out.state = want
	if want.dir == "" {
		out.state = e.usable(ctx, want, p) // made while the lock was waited for
	}
	if out.state == nil {
		m := &making{engine: e, lab: l, logs: logs, obs: o, state: want}
		if err := m.whole(ctx); err != nil {
			return nil, err
		}
		out.state, out.built = want, true
	}
	out.state.use(e.Store.now())
	out.took = time.Since(started)
	return out, nil
}

// making is the making of a ready state.
type making struct {
	engine *Engine
	lab    *lab.Lab
	logs   lab.Logs
	obs    lab.Observer
	state  *readyState

	inst   *instance
	nonces map[string]string
}

// whole boots an instance of the lab, brings it to rest, saves it and makes its
// files the ready state. Nothing else is left, whatever happens.
func (m *making) whole(ctx context.Context) (err error) {
	p, end := m.obs.Begin(lab.ArmReady, "", "start")
	m.inst, err = m.engine.boot(ctx, m.lab, m.state.Memory == memoryFork, p)
	end(err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.inst.takeDown(ctx)) }()
	if err := m.machines(ctx); err != nil {
		m.keepConsoles()
		return err
	}
	if err := m.unchanged(ctx); err != nil {
		return err
	}
	p, end = m.obs.Begin(lab.ArmReady, "", "save")
	err = m.save(ctx, p)
	end(err)
	return err
}

// unchanged makes sure that the machines were made of what their ready state
// is known by: files of a set-up may have changed meanwhile.
func (m *making) unchanged(ctx context.Context) error {
	images, missing, err := m.engine.Store.haveImages(ctx, m.lab)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		now, _, err := m.engine.Store.describeReady(ctx, m.lab, images, m.engine.Accel)
		if err != nil || now.Key == m.state.Key {
			return err
		}
		missing = changedParts(m.state.Parts, now.Parts)
	}
	return &lab.UsageError{
		Err:  fmt.Errorf("the lab changed while its ready state was made: %s", strings.Join(missing, ", ")),
		Hint: "run the command again",
	}
}

// machines boots and sets up the machines, and brings them to rest.
func (m *making) machines(ctx context.Context) error {
	guests, err := lab.Boot(ctx, m.inst, m.lab, m.logs, lab.ArmReady, m.obs)
	guests.Close()
	if err != nil {
		return err
	}
	p, end := m.obs.Begin(lab.ArmReady, "", "settle")
	err = m.settle(ctx, p)
	end(err)
	return err
}

// settle brings all machines to rest, side by side.
func (m *making) settle(ctx context.Context, p lab.Progress) error {
	log, err := m.logs.Log("ready.log")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	m.nonces = map[string]string{}
	g, gctx := errgroup.WithContext(ctx)
	for _, machine := range m.lab.Machines {
		g.Go(func() error { return m.calm(gctx, machine, log, p) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	g, gctx = errgroup.WithContext(ctx)
	for _, machine := range m.lab.Machines { // right before the save
		nonce := newNonce()
		m.nonces[machine.Name] = nonce
		g.Go(func() error { return m.rehearse(gctx, machine, nonce) })
	}
	return g.Wait()
}

// calm brings one machine to rest: nothing works in the background, and its
// memory is small.
func (m *making) calm(ctx context.Context, machine *lab.Machine, log io.Writer, p lab.Progress) error {
	g := m.inst.guest(machine)
	defer func() { _ = g.Close() }()
	if err := g.FreezeUpdaters(ctx); err != nil {
		return err
	}
	busy, err := g.Rest(ctx, restLimit, p)
	if err != nil {
		return err
	}
	if busy != "" {
		fmt.Fprintf(log, "%s: saved before it came to rest: %s\n", machine.Name, busy)
	}
	p.Step("trimming the memory of " + machine.Name)
	return g.Trim(ctx)
}

// rehearse writes the nonce, and does once over a new connection what every
// fork does first: what a login reads is in the saved memory then.
func (m *making) rehearse(ctx context.Context, machine *lab.Machine, nonce string) error {
	g := m.inst.guest(machine)
	defer func() { _ = g.Close() }()
	if err := g.Connect(ctx, wakeLimit); err != nil {
		return err
	}
	if err := g.Plant(ctx, nonce); err != nil {
		return err
	}
	w, err := g.Wake(ctx, guest.Waking{Nonce: nonce})
	if err == nil && !w.NonceEqual {
		err = &lab.GuestError{Machine: machine.Name, Op: "save", Err: errors.New("its memory does not hold the nonce that was written")}
	}
	return err
}

func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// pause lets closePause go by.
func pause(ctx context.Context) error {
	select {
	case <-time.After(closePause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// save saves all machines at one instant, ends them, and freezes their files.
func (m *making) save(ctx context.Context, p lab.Progress) error {
	if err := pause(ctx); err != nil {
		return err
	}
	s, spec := m.engine.Store, m.inst.files.Spec
	if err := s.journalOf(spec.ID).intend(intent{Step: "save"}); err != nil {
		return err
	}
	p.Step("saving all machines at one instant")
	if err := m.inst.client.Freeze(ctx, freezing(spec, spec.Dir), false); err != nil {
		return &lab.HostError{Op: fmt.Sprintf("save the machines of lab %q", m.lab.Name), Err: err}
	}
	if err := m.inst.proc.Stop(ctx); err != nil {
		return &lab.HostError{Op: "end the saved machines", Err: err}
	}
	return s.freezeReady(ctx, m.inst.files, m.state, m.nonces, p)
}

// keepConsoles copies what the machines have printed to the logs.
func (m *making) keepConsoles() {
	for _, machine := range m.lab.Machines {
		in, err := os.Open(m.inst.ConsoleLog(machine))
		if err != nil {
			continue // it never started
		}
		if out, err := m.logs.Log("console-" + machine.Name + ".log"); err == nil {
			_, _ = io.Copy(out, in)
			_ = out.Close()
		}
		_ = in.Close()
	}
}
