package check

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// flaky fails as often as failures says.
func flaky(failures int) *machine {
	return &machine{run: func(context.Context, lab.Command) (lab.Output, error) {
		if failures--; failures >= 0 {
			return lab.Output{ExitCode: 1}, nil
		}
		return lab.Output{}, nil
	}}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		failures, retries, attempts int
		passed                      bool
		took                        time.Duration
	}{
		{0, 2, 1, true, 0},
		{2, 2, 3, true, 4 * time.Second},
		{3, 2, 3, false, 4 * time.Second},
		{1, 0, 1, false, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := flaky(c.failures)
			check := &lab.Check{
				Name: "c", From: &lab.Machine{Name: "desk"}, Timeout: time.Minute,
				Retries: c.retries, Interval: 2 * time.Second, Spec: &lab.CommandCheck{Run: "true"},
			}
			res := Runner{}.RunCheck(t.Context(), check, lab.Place{Guest: m, Dialer: m})
			if res.Passed != c.passed || res.Attempts != c.attempts || res.Duration != c.took {
				t.Errorf("%+v: got %+v", c, res)
			}
		})
	}
}

// hanging runs until its context ends, as guest.Run does.
func hanging() *machine {
	return &machine{run: func(ctx context.Context, _ lab.Command) (lab.Output, error) {
		<-ctx.Done()
		return lab.Output{ExitCode: -1}, context.Cause(ctx)
	}}
}

func TestTimeoutIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want(t, make1(t, &lab.CommandCheck{Run: "sleep 1h"}, hanging(), 30*time.Second), false, "not done within 30s")
	})
}

func TestPassThatCameTooLateIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{run: func(context.Context, lab.Command) (lab.Output, error) {
			time.Sleep(time.Minute) // does not heed its context
			return lab.Output{}, nil
		}}
		want(t, make1(t, &lab.CommandCheck{Run: "true"}, m, 30*time.Second), false, "not done within 30s")
	})
}

func TestInterruptEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(45*time.Second, cancel)
		m := hanging()
		c := &lab.Check{
			Name: "c", From: &lab.Machine{Name: "desk"}, Timeout: 30 * time.Second,
			Retries: 1000, Interval: 2 * time.Second, Spec: &lab.CommandCheck{Run: "x"},
		}
		res := Runner{}.RunCheck(ctx, c, lab.Place{Guest: m, Dialer: m})
		want(t, res, false, "interrupted")
		if res.Attempts != 2 {
			t.Errorf("%d attempts, want 2", res.Attempts)
		}
	})
}

func TestUnreachableMachineIsNamed(t *testing.T) {
	lost := &lab.GuestError{Machine: "desk", Op: "reach", Err: &guest.WaitError{
		What: "SSH on desk", Elapsed: time.Minute, Last: errors.New("connection refused\x1b[2J\n"), Ended: context.DeadlineExceeded,
	}}
	m := &machine{run: func(context.Context, lab.Command) (lab.Output, error) { return lab.Output{}, lost }}
	want(t, make1(t, &lab.CommandCheck{Run: "true"}, m, long), false,
		`the check could not be made from desk: cannot reach machine "desk": gave up waiting for SSH on desk after 60 s: connection refused\n`)
}

func TestUnknownKind(t *testing.T) {
	want(t, make1(t, unknown{}, &machine{}, long), false, `this version knows no check of kind "smoke"`)
}

type unknown struct{}

func (unknown) Kind() string { return "smoke" }
