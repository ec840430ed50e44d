package night

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// work runs what waits, and comes back when nothing is at work any more.
func (p *pass) work(ctx context.Context) {
	run, cancel := context.WithCancel(ctx)
	if !p.o.FinishBy.IsZero() {
		cancel()
		run, cancel = context.WithTimeoutCause(ctx, p.o.FinishBy.Sub(p.now()), errFinishBy)
	}
	defer cancel()
	p.host = newHost(p.o)
	done := make(chan ended)
	for {
		p.startAll(run, done)
		if len(p.host.running) == 0 {
			break
		}
		p.ended(<-done)
	}
	for _, t := range p.waiting { // the context ended
		p.leaveOut(t, ctx.Err() != nil && !errors.Is(context.Cause(run), errFinishBy))
	}
}

// ended is a task that is over.
type ended struct {
	task  *task
	out   Outcome
	cause error // why its context ended; nil: it did not
}

// startAll starts what may start now.
func (p *pass) startAll(ctx context.Context, done chan<- ended) {
	for ctx.Err() == nil {
		now := p.now()
		p.waiting = slices.DeleteFunc(p.waiting, func(t *task) bool {
			late := t.isLate(now, p.o.FinishBy)
			if late {
				p.leaveOut(t, false)
			}
			return late
		})
		i := p.host.next(p.waiting, now)
		if i < 0 {
			return
		}
		t := p.waiting[i]
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.host.start(t, now)
		p.out[t.index].Started = now
		p.say("%s: started (%s; about %s)", t.name(), t.why(), span(t.estimate))
		go func() {
			e := ended{task: t}
			defer func() { done <- e }() // even if the Runner ends its goroutine
			e.out = p.runSafely(ctx, t.Job)
			e.cause = context.Cause(ctx)
		}()
	}
}

// leaveOut notes that a task is not started.
func (p *pass) leaveOut(t *task, interrupted bool) {
	o := Outcome{Job: t.Job, Before: t.before, Code: codeInterrupted, Reason: "interrupted before it was started"}
	if !interrupted {
		o.Code = codeInconclusive
		o.Reason = fmt.Sprintf("would not be finished by %s: it takes about %s", clock(p.o.FinishBy, p.started), span(t.estimate))
	}
	p.out[t.index] = o
	p.say("%s: not started: %s", t.name(), o.Reason)
}

// ended notes what came of a task.
func (p *pass) ended(e ended) {
	t := e.task
	p.host.end(t)
	started, now := p.out[t.index].Started, p.now()
	o := settle(t.Job, e.out, e.cause, p.o.FinishBy)
	o.Before, o.Started, o.Seconds = t.before, started, now.Sub(started).Seconds()
	p.out[t.index] = o
	p.say("%s: %s (%s)", t.name(), o.said(), span(now.Sub(started)))
	if o.Run == "" {
		return
	}
	s := p.states[p.key(t.Job)]
	s.Ended = append(s.Ended, o.flat())
	if err := s.write(p.Dir); err != nil {
		p.say("%v", err)
	}
}
