package lab_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/patchlab/patchlab/lab"
)

func TestBisectWholePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := newBatch(8, func(map[string]bool) bool { return false }).bisect(t)
		if got.Verdict != lab.Pass || got.Reason != "the whole batch passes" || got.Runs != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestBisectTwoFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := newBatch(8, func(in map[string]bool) bool { return in["p02"] || in["p05"] }).bisect(t)
		if !slices.Equal(got.Culprits, []string{"p02"}) || got.Rest == nil || got.Rest.Verdict != lab.Fail {
			t.Errorf("got %q, the rest %+v", got.Culprits, got.Rest)
		}
	})
}

// A failure of another kind is one, and is told from the batch's own.
func TestBisectOtherFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBatch(4, nil)
		w.try(func(in map[string]bool) (lab.Trial, error) {
			if in["p00"] && !in["p03"] {
				return lab.Trial{Verdict: lab.Fail, Reason: "apt wants p03", Signature: []string{"apply web"}}, nil
			}
			return lab.Trial{Verdict: lab.Fail, Reason: "the site is gone", Signature: []string{"check site", "check shop"}}, nil
		})
		got := w.bisect(t)
		if want := "broken by p00 (for another reason than the whole batch: apt wants p03)"; got.Reason != want {
			t.Errorf("got  %q\nwant %q", got.Reason, want)
		}
		for _, tried := range got.Trials {
			if tried.Other != (tried.Reason == "apt wants p03") {
				t.Errorf("trial of %q: other %v: %s", tried.Items, tried.Other, tried.Reason)
			}
		}
	})
}

func TestBisectInconclusive(t *testing.T) {
	for _, tt := range []struct {
		name    string
		unclear func(in map[string]bool, times int) bool
		want    lab.Verdict
		reason  string
	}{
		{"now and then", func(_ map[string]bool, times int) bool { return times%2 == 0 }, lab.Fail, "broken by p05"},
		{"the whole", func(in map[string]bool, _ int) bool { return len(in) == 8 }, lab.Inconclusive, "about p00, p01, p02, p03, p04, p05, p06 and p07: the host sleeps"},
		{"a part", func(in map[string]bool, _ int) bool { return len(in) == 4 }, lab.Inconclusive, "about p00, p01, p02 and p03: the host sleeps"},
		{"the rest alone", func(in map[string]bool, _ int) bool { return len(in) == 7 }, lab.Fail, "broken by p05"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newBatch(8, nil)
				times := map[string]int{}
				w.try(func(in map[string]bool) (lab.Trial, error) {
					key := fmt.Sprint(in)
					n := times[key]
					times[key]++
					switch {
					case n > 1:
						t.Errorf("%s tried a third time", key)
						fallthrough
					case tt.unclear(in, n):
						return lab.Trial{Verdict: lab.Inconclusive, Reason: "the host sleeps"}, nil
					case in["p05"]:
						return lab.Trial{Verdict: lab.Fail}, nil
					}
					return lab.Trial{Verdict: lab.Pass}, nil
				})
				got := w.bisect(t)
				if got.Verdict != tt.want || !strings.Contains(got.Reason, tt.reason) {
					t.Errorf("got %s: %s", got.Verdict, got.Reason)
				}
			})
		})
	}
}

// With want of room the trials go one by one; a trial that finds none even
// when it is alone ends the bisection.
func TestBisectBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBatch(16, all("p11"))
		w.b.Parallel = 2
		inner := w.b.Try
		w.b.Try = func(ctx context.Context, items []*lab.Patch) (lab.Trial, error) {
			w.mu.Lock()
			room := w.running == 0
			w.mu.Unlock()
			if !room {
				return lab.Trial{}, &lab.BusyError{What: "memory", Holder: "the other one"}
			}
			trial, err := inner(ctx, items)
			return trial, err
		}
		w.b.Parallel = 2
		got := w.bisect(t)
		if !slices.Equal(got.Culprits, []string{"p11"}) || w.most != 1 {
			t.Errorf("got %q, %d at once", got.Culprits, w.most)
		}
		w.b.Try = func(context.Context, []*lab.Patch) (lab.Trial, error) {
			return lab.Trial{}, &lab.BusyError{What: "memory", Holder: "lab \"other\""}
		}
		_, err := w.b.Bisect(t.Context())
		if _, ok := errors.AsType[*lab.BusyError](err); !ok {
			t.Errorf("got %v", err)
		}
	})
}
