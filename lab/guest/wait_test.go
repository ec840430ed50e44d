package guest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// steps records a progress.
type steps struct {
	mu    sync.Mutex
	texts []string
	bytes [2]int64
}

func (s *steps) Step(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

func (s *steps) Bytes(done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes = [2]int64{done, total}
}

func (s *steps) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.texts)
}

var errRefused = errors.New("connection refused")

func TestWaitReportsUntilDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, start := &steps{}, time.Now()
		err := Wait(t.Context(), Waiting{What: "SSH on web", Interval: 3 * time.Second, Progress: p}, func(context.Context) error {
			if time.Since(start) < 25*time.Second {
				return errRefused
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"waiting for SSH on web",
			"waiting for SSH on web (10 s): connection refused",
			"waiting for SSH on web (20 s): connection refused",
		}
		if got := p.all(); !slices.Equal(got, want) {
			t.Errorf("progress %q, want %q", got, want)
		}
		if got := time.Since(start); got != 27*time.Second {
			t.Errorf("took %s, want 27 s", got)
		}
	})
}

func TestWaitRemindsWhileATryHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &steps{}
		err := Wait(t.Context(), Waiting{What: "SSH on web", Limit: 25 * time.Second, Progress: p}, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		var we *WaitError
		if !errors.As(err, &we) || we.Elapsed != 25*time.Second {
			t.Fatalf("got %v", err)
		}
		if got := len(p.all()); got != 3 {
			t.Errorf("%d reports, want 3: %q", got, p.all())
		}
	})
}

func TestWaitGivesUpWithLastCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := Wait(t.Context(), Waiting{What: "SSH on web", Limit: 5 * time.Second}, func(ctx context.Context) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errRefused
		})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errRefused) {
			t.Errorf("error %v does not hold both the deadline and the last cause", err)
		}
		if want := "gave up waiting for SSH on web after 5 s: connection refused"; err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
	})
}

func TestWaitStopsAtPermanentError(t *testing.T) {
	tries := 0
	err := Wait(t.Context(), Waiting{What: "x"}, func(context.Context) error { tries++; return Permanent(errRefused) })
	if err != errRefused || tries != 1 { //nolint:errorlint // the very error, unwrapped
		t.Errorf("error %v after %d tries", err, tries)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1500*time.Millisecond, func() { cancel(why) })
		err := Wait(ctx, Waiting{What: "x", Limit: time.Hour}, func(context.Context) error { return errRefused })
		if !errors.Is(err, why) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's cause", err)
		}
	})
}

func TestWaitGetsSlower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		w := Waiting{What: "x", First: 50 * time.Millisecond, Interval: 300 * time.Millisecond, Limit: time.Second}
		_ = Wait(t.Context(), w, func(context.Context) error { at = append(at, time.Since(start)/time.Millisecond); return errRefused })
		if want := []time.Duration{0, 50, 150, 350, 650, 950}; !slices.Equal(at, want) {
			t.Errorf("tried at %d ms, want %d", at, want)
		}
	})
}
