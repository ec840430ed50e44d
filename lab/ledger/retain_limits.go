package ledger

import (
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// limits are the Retain of each lab's newest run: of this host's own newest,
// where it has one. List is newest first.
func limits(list []Entry, own string) map[string]*lab.Retention {
	out := map[string]*lab.Retention{}
	for _, mine := range []bool{true, false} {
		for i := range list {
			e := &list[i]
			if _, seen := out[e.Lab]; e.Kind == Run && !seen && mine == (e.Of == own) {
				out[e.Lab] = e.Run.Keep
			}
		}
	}
	return out
}

// ownFirst is list without what other ledgers say of runs that this host's own
// has under the same id.
func ownFirst(list []Entry, own string) []Entry {
	mine := map[keptRun]bool{}
	for i := range list {
		if e := &list[i]; e.Kind == Run && e.Of == own {
			mine[keptRun{e.Lab, e.Run.ID}] = true
		}
	}
	return slices.DeleteFunc(list, func(e Entry) bool {
		return e.Kind == Run && e.Of != own && mine[keptRun{e.Lab, e.Run.ID}]
	})
}

// bytesOn is a patch on a lab as the gate knows it: by the bytes that go out,
// whatever they are called and whatever lies beside them.
type bytesOn struct{ lab, files string }

func bytesOf(e *Entry) bytesOn { return bytesOn{e.Lab, keyOf(goingOut(e.Patch))} }

// standing are the bytes that a decision still counts of: a rejection, or an
// approval that has not ended, also where a newer one has.
func standing(list []Entry, now time.Time) map[bytesOn]bool {
	out := map[bytesOn]bool{}
	for i := range list {
		e := &list[i]
		if e.Decision == nil || e.Patch == nil {
			continue
		}
		if e.Kind == Reject || e.Decision.Until.IsZero() || !now.After(e.Decision.Until) {
			out[bytesOf(e)] = true
		}
	}
	return out
}
