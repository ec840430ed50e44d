package night

import (
	"runtime"
	"slices"
	"time"
)

// host is the room that tasks share, and who has it.
type host struct {
	most    int // tasks at once, at least 1
	freeMiB int // for all of them; 0: no limit
	running []place
}

// place is a task at work.
type place struct {
	*task
	ends time.Time // as estimated
}

func newHost(o Options) *host {
	h := &host{most: o.Jobs, freeMiB: o.FreeMiB}
	if h.most <= 0 {
		h.most = max(runtime.GOMAXPROCS(0)/2, 1) // two arms each
	}
	return h
}

// next picks which of waiting, which are in order, is to start now; -1: none.
//
// The first that fits does, with two restrictions. A lab has one run at a
// time: the second would wait for the same ready state anyway. And when one
// does not fit, those behind it may start only if they are over, as estimated,
// before the first moment at which there will be room for it: so small ones
// fill the gaps, and a large one does not wait for ever.
func (h *host) next(waiting []*task, now time.Time) int {
	if len(h.running) >= h.most {
		return -1
	}
	var room time.Time // when the first that does not fit will; zero: all fit so far
	for i, t := range waiting {
		switch {
		case h.worksOn(t):
		case !room.IsZero() && now.Add(t.estimate).After(room):
		case h.fits(t, h.running):
			return i
		case room.IsZero():
			room = h.roomFor(t, now)
		}
	}
	return -1
}

func (h *host) worksOn(t *task) bool {
	return slices.ContainsFunc(h.running, func(p place) bool { return p.lab() == t.lab() })
}

// fits reports whether t fits beside others. One that is too large for the
// host as a whole runs alone.
func (h *host) fits(t *task, others []place) bool {
	need := t.need()
	for _, p := range others {
		need += p.need()
	}
	return len(others) == 0 || h.freeMiB <= 0 || need <= h.freeMiB
}

// roomFor is when t will fit, as far as the running ones' estimates go. One
// that is over its time is expected at any moment.
func (h *host) roomFor(t *task, now time.Time) time.Time {
	left := slices.SortedFunc(slices.Values(h.running), func(a, b place) int { return a.ends.Compare(b.ends) })
	at := now
	for len(left) > 0 && !h.fits(t, left) {
		if left[0].ends.After(at) {
			at = left[0].ends
		}
		left = left[1:]
	}
	return at
}

func (h *host) start(t *task, now time.Time) {
	h.running = append(h.running, place{task: t, ends: now.Add(t.estimate)})
}

func (h *host) end(t *task) {
	h.running = slices.DeleteFunc(h.running, func(p place) bool { return p.task == t })
}

// need is the memory of a task's control and patched arm.
func (t *task) need() int { return 2 * max(t.MemoryMiB, 0) }

// lab is what there is one run of at a time: the name, because the ready
// state goes by it.
func (t *task) lab() string {
	if t.Lab != "" {
		return t.Lab
	}
	return t.LabDir
}

// isLate reports whether t, started now, would not be over in time. It will
// not be later either: time only gets shorter.
func (t *task) isLate(now, by time.Time) bool {
	return !by.IsZero() && now.Add(t.estimate).After(by)
}

// foresee goes through a night as its estimates tell: when it will be over,
// and how many tasks it will come to.
func foresee(tasks []*task, o Options, now time.Time) (end time.Time, runs int) {
	h, waiting := newHost(o), slices.Clone(tasks)
	for {
		waiting = slices.DeleteFunc(waiting, func(t *task) bool { return t.isLate(now, o.FinishBy) })
		for i := h.next(waiting, now); i >= 0; i = h.next(waiting, now) {
			h.start(waiting[i], now)
			waiting = slices.Delete(waiting, i, i+1)
			runs++
		}
		if len(h.running) == 0 {
			return now, runs
		}
		soonest := slices.MinFunc(h.running, func(a, b place) int { return a.ends.Compare(b.ends) })
		now = soonest.ends
		h.end(soonest.task)
	}
}
