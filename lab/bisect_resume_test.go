package lab_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func TestBisectDuplicateNames(t *testing.T) {
	b := lab.Bisector{Items: []*lab.Patch{{Name: "a"}, {Name: "a"}}}
	_, err := b.Bisect(t.Context())
	if _, ok := errors.AsType[*lab.UsageError](err); !ok {
		t.Errorf("got %v", err)
	}
}

// What was finished before an error is not made again, unless something
// changed.
func TestBisectResume(t *testing.T) {
	state := filepath.Join(t.TempDir(), "bisect", "x.json")
	start := func(change func(*batch)) (*batch, *lab.Bisection, error) {
		w := newBatch(16, all("p03", "p09"))
		w.b.State, w.b.Shaped = state, map[string]string{"definition": "d1"}
		if change != nil {
			change(w)
		}
		var got *lab.Bisection
		var err error
		synctest.Test(t, func(t *testing.T) { got, err = w.b.Bisect(t.Context()) })
		return w, got, err
	}
	broken := errors.New("power is gone")
	_, _, err := start(func(w *batch) {
		inner := w.b.Try
		w.b.Try = func(ctx context.Context, items []*lab.Patch) (lab.Trial, error) {
			if len(w.trials) == 4 {
				return lab.Trial{}, broken
			}
			return inner(ctx, items)
		}
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	told := 0
	w, got, err := start(func(w *batch) { w.b.Tell = func(lab.Tried) { told++ } })
	if err != nil || got.Reused != 4 || got.Runs != 4+len(w.trials) || told != got.Runs || got.Anew != "" {
		t.Fatalf("got %+v, %v; %d made, %d told of", got, err, len(w.trials), told)
	}
	if want := "broken by p03 and p09 together (p03 alone passes, p09 alone passes)"; got.Reason != want {
		t.Errorf("got %q", got.Reason)
	}
	again, second, err := start(nil)
	if err != nil || len(again.trials) > 0 || second.Reused != got.Runs || second.Reason != got.Reason {
		t.Errorf("a third time: %+v, %v, %d made", second, err, len(again.trials))
	}
	for _, tt := range []struct {
		why    string
		change func(*batch)
	}{
		{"definition changed", func(w *batch) { w.b.Shaped = map[string]string{"definition": "d2"} }},
		{"definition changed, p05 changed", func(w *batch) {
			w.b.Pin = func(p *lab.Patch) (lab.PatchRecord, error) {
				if p.Name == "p05" {
					return lab.PatchRecord{SHA256: "other"}, nil
				}
				return lab.PatchRecord{SHA256: "sum of " + p.Name}, nil
			}
		}},
		{"p05 changed, p15 is gone", func(w *batch) { w.b.Items = w.b.Items[:15] }},
		{"p15 is new", func(*batch) {}},
		{"the order of the patches changed", func(w *batch) { slices.Reverse(w.b.Items) }},
		{"cannot be read", func(*batch) { _ = os.WriteFile(state, []byte("{"), 0o600) }},
	} {
		_, got, err := start(tt.change)
		if err != nil || got.Reused > 0 || !strings.Contains(got.Anew, tt.why) {
			t.Errorf("want it anew, since %s: got %+v, %v", tt.why, got, err)
		}
	}
}

func TestBisectInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBatch(8, all("p05"))
		w.b.Parallel = 2
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		if _, err := w.b.Bisect(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if len(w.trials) != 3 {
			t.Errorf("%d trials were begun, want 3", len(w.trials))
		}
	})
}
