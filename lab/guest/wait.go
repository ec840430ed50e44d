package guest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Waiting says what is waited for and how.
type Waiting struct {
	What     string        // "SSH on web": follows "waiting for"
	Interval time.Duration // between the end of one try and the next; 1 s by default
	First    time.Duration // the first interval, doubled until it is Interval; 0: Interval at once
	Remind   time.Duration // between reports; 10 s by default
	Limit    time.Duration // when to give up; 0: only ctx ends it
	Progress lab.Progress  // told at once and at every reminder; may be nil
}

// WaitError means that what was waited for did not come.
type WaitError struct {
	What    string
	Elapsed time.Duration
	Last    error // of the last try that said something; may be nil
	Ended   error // why the wait ended: ctx's cause or context.DeadlineExceeded
}

// Error says how long the wait was and what it last saw.
func (e *WaitError) Error() string {
	text := fmt.Sprintf("gave up waiting for %s after %s", e.What, seconds(e.Elapsed))
	if e.Last != nil {
		text += ": " + e.Last.Error()
	}
	return text
}

// Unwrap returns why the wait ended, and the last cause.
func (e *WaitError) Unwrap() []error {
	if e.Last == nil {
		return []error{e.Ended}
	}
	return []error{e.Ended, e.Last}
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error of a try as one that waiting will not cure: Wait
// returns err at once.
func Permanent(err error) error { return permanentError{err} }

// Wait calls try again and again until it returns nil. An error says what is
// still missing and is reported to w.Progress ("waiting for SSH on web
// (28 s): connection refused"). Try's ctx ends with the limit. Wait fails
// with a *WaitError when time is up or ctx ends, and with the cause itself
// when that is Permanent.
func Wait(ctx context.Context, w Waiting, try func(ctx context.Context) error) error {
	setDefault(&w.Interval, time.Second)
	setDefault(&w.Remind, 10*time.Second)
	parent := ctx
	if w.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Limit)
		defer cancel()
	}
	s := &waitState{Waiting: w, start: time.Now()}
	defer s.remind()()
	pause := w.Interval
	if w.First > 0 {
		pause = min(w.First, w.Interval)
	}
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if p, ok := errors.AsType[permanentError](err); ok {
			return p.error
		}
		s.saw(ctx, err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return s.giveUp(parent)
		}
		pause = min(2*pause, w.Interval)
	}
}

// waitState is one wait under way.
type waitState struct {
	Waiting
	start time.Time

	mu   sync.Mutex
	last error
}

// saw keeps err as the last cause, unless it only says that time was up.
func (s *waitState) saw(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A deadline that the try took from ctx may fire just before ctx's own.
	end, ok := ctx.Deadline()
	late := ctx.Err() != nil || ok && !time.Now().Before(end)
	if s.last == nil || !late {
		s.last = err
	}
}

// remind reports now and at every reminder until the returned function is
// called, which waits until the last report is done.
func (s *waitState) remind() (stop func()) {
	p := lab.Quiet(s.Progress)
	p.Step("waiting for " + s.What)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(s.Remind)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				p.Step(s.text())
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func (s *waitState) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf("waiting for %s (%s)", s.What, seconds(time.Since(s.start)))
	if s.last != nil {
		text += ": " + s.last.Error()
	}
	return text
}

func (s *waitState) giveUp(parent context.Context) error {
	e := &WaitError{What: s.What, Elapsed: time.Since(s.start), Last: s.last, Ended: context.DeadlineExceeded}
	if parent.Err() != nil {
		e.Ended = context.Cause(parent)
	}
	return e
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%d s", int(d.Round(time.Second)/time.Second))
}
