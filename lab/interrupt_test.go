package lab_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// suspicious lets a run go through all its arms.
func suspicious(w *world) {
	w.pending = map[string]string{"web": "new kernel"}
	w.fails = func(c string, at moment) bool { return c == "page" && at.patched > 1 }
	w.rebootErr = map[string]error{"rerun web": &lab.GuestError{Machine: "web", Op: "reboot", Err: errors.New("no answer")}}
}

// An interrupt at any effect leaves neither an instance nor a record.
func TestInterruptAnywhere(t *testing.T) {
	var steps []string
	w := newWorld(t)
	w.during = func(step string) { steps = append(steps, step) }
	suspicious(w)
	l := practice()
	if _, err := w.test(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	_ = os.RemoveAll(w.runs())
	for n := range steps {
		t.Run(steps[n], func(t *testing.T) {
			w := newWorld(t)
			suspicious(w)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			seen := 0
			w.during = func(string) {
				if seen == n {
					cancel()
				}
				seen++
			}
			if _, err := w.test(ctx, l); !errors.Is(err, context.Canceled) {
				t.Errorf("the run returned %v", err)
			}
			if w.destroyed != len(w.forked) || w.alive != 0 {
				t.Errorf("destroyed %d of %v", w.destroyed, w.forked)
			}
			if w.proved != nil && n < len(steps)-1 {
				t.Error("an interrupted run makes no receipt")
			}
			left, err := filepath.Glob(filepath.Join(w.runs(), "*"))
			hidden, _ := filepath.Glob(filepath.Join(w.runs(), ".*"))
			if err != nil || len(left)+len(hidden) > 0 {
				t.Errorf("left behind: %v %v", left, hidden)
			}
		})
	}
}

// An interrupted run that could not clean up says so.
func TestInterruptThatLeavesSomething(t *testing.T) {
	w := newWorld(t)
	w.destroyErr = errors.New("QEMU 4711 does not end")
	ctx, cancel := context.WithCancel(t.Context())
	w.during = func(step string) {
		if strings.HasPrefix(step, "patched: apply") {
			cancel()
		}
	}
	_, err := w.test(ctx, practice())
	if left, ok := errors.AsType[*lab.LeftoverError](err); !ok || left.Instance != "00c0ffee-patched" || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
