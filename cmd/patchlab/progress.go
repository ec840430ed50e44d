package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
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
	wait sync.WaitGroup

	mu     sync.Mutex
	open   map[*phase]bool
	closed bool
}

// newUI returns the display for one command. Close ends it.
func (a *app) newUI() *ui {
	u := &ui{out: a.stderr, open: map[*phase]bool{}, quit: make(chan struct{})}
	if isTerminal(a.stderr) && a.getenv("TERM") != "dumb" {
		u.live = mpb.New(mpb.WithOutput(a.stderr), mpb.WithRefreshRate(200*time.Millisecond))
		return u
	}
	u.wait.Go(u.beat)
	return u
}

// Begin implements lab.Observer.
func (u *ui) Begin(arm lab.Arm, machine, name string) (lab.Progress, func(error)) {
	p := &phase{ui: u, name: name, started: time.Now(), printed: time.Now()}
	if machine != "" {
		p.name = machine + ": " + name
	} else if name == "check" {
		p.name = fmt.Sprintf("%s: %s", arm, name)
	}
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

// Close ends the display. It may be called again.
func (u *ui) Close() {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return
	}
	u.closed = true
	u.mu.Unlock()
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

// phase is one open phase.
type phase struct {
	ui      *ui
	name    string
	started time.Time
	bar     *mpb.Bar

	mu          sync.Mutex
	step        string
	done, total int64
	printed     time.Time
	err         error
	ended       time.Time
}

// Step implements lab.Progress.
func (p *phase) Step(text string) {
	p.mu.Lock()
	p.step, p.done, p.total = lab.Printable(text, 100), 0, 0
	p.mu.Unlock()
	if p.ui.live == nil {
		p.ui.mu.Lock()
		defer p.ui.mu.Unlock()
		p.print(stepGap)
	}
}

// Bytes implements lab.Progress.
func (p *phase) Bytes(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = done, total
}

// end closes the phase.
func (p *phase) end(err error) {
	p.mu.Lock()
	p.err, p.ended = err, time.Now()
	p.mu.Unlock()
	p.ui.mu.Lock()
	defer p.ui.mu.Unlock()
	delete(p.ui.open, p)
	if p.bar != nil {
		p.bar.SetCurrent(1)
		return
	}
	fmt.Fprintln(p.ui.out, p.text())
}

// print writes the phase's line when the last one is older than gap. The
// ui's lock is held.
func (p *phase) print(gap time.Duration) {
	p.mu.Lock()
	old := time.Since(p.printed) >= gap && !p.ui.closed
	if old {
		p.printed = time.Now()
	}
	p.mu.Unlock()
	if old {
		fmt.Fprintln(p.ui.out, p.text())
	}
}

// line is the phase as mpb shows it.
func (p *phase) line(decor.Statistics) string { return p.text() }

// text is the phase in one line: "web: boot: waiting for SSH (28 s)".
func (p *phase) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return fmt.Sprintf("%s: failed after %s", p.name, seconds(p.ended.Sub(p.started)))
	case !p.ended.IsZero():
		return fmt.Sprintf("%s: done (%s)", p.name, seconds(p.ended.Sub(p.started)))
	}
	if p.step == "" {
		return fmt.Sprintf("%s (%s)", p.name, seconds(time.Since(p.started)))
	}
	if p.total > 0 {
		return fmt.Sprintf("%s: %s %s of %s", p.name, p.step,
			humanize.IBytes(uint64(max(p.done, 0))), humanize.IBytes(uint64(p.total)))
	}
	return p.name + ": " + p.step
}

// seconds writes a duration as people say it: "0.4 s", "38 s", "2 min 5 s".
func seconds(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	default:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
}
