package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/patchlab/patchlab/lab"
)

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
