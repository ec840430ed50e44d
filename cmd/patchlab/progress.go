package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/patchlab/patchlab/lab"
)

// How often a plain log repeats what is waited for, and how soon after one
// line the next step of the same phase may follow.
const (
	heartbeat = 15 * time.Second
	stepGap   = 5 * time.Second
)

// ui shows phases: live lines on a terminal, plain lines elsewhere. It is a
// lab.Observer.
type ui struct {
	live *mpb.Progress // nil where there is no terminal
	out  io.Writer
	quit chan struct{}
	gone func() // told when it is closed
	wait sync.WaitGroup

	mu     sync.Mutex
	open   map[*phase]bool
	closed bool
}

// newUI returns the display for one command. Close ends it.
func (a *app) newUI() *ui {
	u := &ui{out: a.stderr, open: map[*phase]bool{}, quit: make(chan struct{}), gone: func() { a.display.Store(nil) }}
	defer a.display.Store(u)
	if isTerminal(a.stderr) && a.getenv("TERM") != "dumb" {
		u.live = mpb.New(mpb.WithOutput(a.stderr), mpb.WithRefreshRate(200*time.Millisecond))
		return u
	}
	u.wait.Go(u.beat)
	return u
}

// phase shows one piece of work while it lasts. Interrupts reach it through
// the context that work has.
func (a *app) phase(name string, work func(lab.Progress) error) error {
	ui := a.newUI()
	defer ui.Close()
	p, end := ui.Begin(lab.ArmUp, "", name)
	err := work(p)
	end(err)
	return err
}

// phaseOf is phase for work on a lab that is up, which it stays when it is
// interrupted.
func (a *app) phaseOf(ctx context.Context, ref, name string, work func(lab.Progress) error) error {
	err := a.phase(name, work)
	if err != nil && ctx.Err() != nil {
		return &upError{ref: ref, err: err}
	}
	return err
}

// Begin implements lab.Observer.
func (u *ui) Begin(arm lab.Arm, machine, name string) (lab.Progress, func(error)) {
	p := &phase{ui: u, name: title(arm, machine, name), started: time.Now(), printed: time.Now()}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open[p] = true
	if u.live != nil {
		p.bar = u.live.New(1, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(p.line)))
	} else {
		fmt.Fprintln(u.out, p.name)
	}
	return p, p.end
}

// title names a phase. The arm is left out where it is plain: machines boot
// for the ready state, and are patched in the patched arm.
func title(arm lab.Arm, machine, name string) string {
	switch {
	case machine == "" && arm == lab.ArmReady:
		return "ready state: " + name
	case machine == "" && (arm == lab.ArmUp || name == "prove"):
		return name
	case machine == "":
		return fmt.Sprintf("%s: %s", arm, name)
	case arm == lab.ArmControl || arm == lab.ArmRerun:
		return fmt.Sprintf("%s: %s: %s", arm, machine, name)
	}
	return machine + ": " + name
}

// remark prints a line that belongs to no phase: above the live lines, where
// there are any.
func (u *ui) remark(line string) {
	if u.live != nil {
		if _, err := fmt.Fprintln(u.live, line); err == nil {
			return // else the display has ended
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprintln(u.out, line)
}

// Close ends the display. It may be called again.
func (u *ui) Close() {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return
	}
	u.closed = true
	u.mu.Unlock()
	u.gone()
	close(u.quit)
	u.wait.Wait()
	if u.live != nil {
		u.live.Shutdown()
	}
}

// beat says every few seconds what is still waited for.
func (u *ui) beat() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-u.quit:
			return
		case <-tick.C:
		}
		u.mu.Lock()
		for p := range u.open {
			p.print(heartbeat)
		}
		u.mu.Unlock()
	}
}
