package night

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// mk is a task of a lab of its own, with the memory that it needs in MiB and
// minutes that it takes.
func mk(name string, need, minutes int) *task {
	return &task{Job: Job{Lab: name, Patch: name, MemoryMiB: need / 2}, estimate: time.Duration(minutes) * time.Minute}
}

var t0 = time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)

func TestNext(t *testing.T) {
	big, small, long := mk("big", 3000, 10), mk("small", 1000, 5), mk("long", 1000, 60)
	sameLab := mk("other", 10, 1)
	sameLab.Lab = "running"
	for _, tt := range []struct {
		name    string
		o       Options
		running []*task // each started at t0
		after   int     // minutes
		waiting []*task
		want    string // empty: none
	}{
		{"the first", Options{Jobs: 2, FreeMiB: 4000}, nil, 0, []*task{big, small}, "big"},
		{"nothing waits", Options{Jobs: 2}, nil, 0, nil, ""},
		{"too many", Options{Jobs: 1}, []*task{mk("running", 0, 1)}, 0, []*task{small}, ""},
		{"no limit of memory", Options{Jobs: 2}, []*task{mk("running", 1<<40, 1)}, 0, []*task{big}, "big"},
		{"larger than the host, alone", Options{Jobs: 2, FreeMiB: 100}, nil, 0, []*task{big}, "big"},
		{"larger than the host, not alone", Options{Jobs: 2, FreeMiB: 100}, []*task{mk("running", 10, 1)}, 0, []*task{big}, ""},
		{"one run of a lab", Options{Jobs: 9}, []*task{mk("running", 10, 1)}, 0, []*task{sameLab}, ""},
		{"its lab is at work: the next", Options{Jobs: 9}, []*task{mk("running", 10, 1)}, 0, []*task{sameLab, long}, "long"},
		{"a gap is filled", Options{Jobs: 9, FreeMiB: 4000}, []*task{mk("running", 2000, 5)}, 0, []*task{big, small}, "small"},
		{"not with what takes longer", Options{Jobs: 9, FreeMiB: 4000}, []*task{mk("running", 2000, 5)}, 0, []*task{big, long}, ""},
		{
			"what fits is looked for behind",
			Options{Jobs: 9, FreeMiB: 4000},
			[]*task{mk("running", 2000, 5)},
			0,
			[]*task{big, long, small},
			"small",
		},
		{"not when time is nearly up", Options{Jobs: 9, FreeMiB: 4000}, []*task{mk("running", 2000, 5)}, 1, []*task{big, small}, ""},
		{"not when one is over its time", Options{Jobs: 9, FreeMiB: 4000}, []*task{mk("running", 2000, 5)}, 60, []*task{big, small}, ""},
		{
			"room comes with the second to end",
			Options{Jobs: 9, FreeMiB: 4000},
			[]*task{mk("running", 1500, 50), mk("too", 500, 10)},
			0,
			[]*task{big, mk("forty", 1000, 40)},
			"forty",
		},
		{
			"room comes with the first to end",
			Options{Jobs: 9, FreeMiB: 4000},
			[]*task{mk("running", 1000, 10), mk("too", 1000, 50)},
			0,
			[]*task{big, mk("forty", 1000, 40)},
			"",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(tt.o)
			for _, r := range tt.running {
				h.start(r, t0)
			}
			got := ""
			if i := h.next(tt.waiting, t0.Add(time.Duration(tt.after)*time.Minute)); i >= 0 {
				got = tt.waiting[i].Patch
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A stream of small tasks does not keep a large one waiting beyond what was
// at work when it came to its turn, as long as estimates hold.
func TestNextDoesNotStarve(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		h := newHost(Options{Jobs: 8, FreeMiB: 4000})
		h.start(mk("r1", 2000, 7), t0)
		h.start(mk("r2", 1000, 12), t0)
		big := mk("big", 3500, 10)
		waiting := []*task{big}
		for range 40 {
			waiting = append(waiting, mk(string(rune('A'+len(waiting))), 200+r.IntN(1500), 1+r.IntN(30)))
		}
		promised := h.roomFor(big, t0)
		now := t0
		for slices.Contains(waiting, big) {
			for i := h.next(waiting, now); i >= 0; i = h.next(waiting, now) {
				h.start(waiting[i], now)
				waiting = slices.Delete(waiting, i, i+1)
			}
			if !slices.Contains(waiting, big) {
				break
			}
			soonest := slices.MinFunc(h.running, func(a, b place) int { return a.ends.Compare(b.ends) })
			now = soonest.ends
			h.end(soonest.task)
		}
		if now.After(promised) {
			t.Fatalf("seed %d: it waited until %v, %v was promised", seed, now.Sub(t0), promised.Sub(t0))
		}
	}
}

func TestForesee(t *testing.T) {
	for _, tt := range []struct {
		name    string
		o       Options
		tasks   []*task
		minutes int // until the end
		runs    int
	}{
		{"nothing", Options{Jobs: 2}, nil, 0, 0},
		{"one after the other", Options{Jobs: 1}, []*task{mk("a", 0, 10), mk("b", 0, 20)}, 30, 2},
		{"side by side", Options{Jobs: 2}, []*task{mk("a", 0, 10), mk("b", 0, 20)}, 20, 2},
		{"memory", Options{Jobs: 2, FreeMiB: 100}, []*task{mk("a", 80, 10), mk("b", 80, 20)}, 30, 2},
		{"too large for all", Options{Jobs: 2, FreeMiB: 100}, []*task{mk("a", 800, 10), mk("b", 80, 20)}, 30, 2},
		{
			"what fits in time",
			Options{Jobs: 1, FinishBy: t0.Add(30 * time.Minute)},
			[]*task{mk("a", 0, 20), mk("too long", 0, 20), mk("b", 0, 10)},
			30, 2,
		},
		{"too late", Options{Jobs: 1, FinishBy: t0}, []*task{mk("a", 0, 1)}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			end, runs := foresee(tt.tasks, tt.o, t0)
			if runs != tt.runs || !end.Equal(t0.Add(time.Duration(tt.minutes)*time.Minute)) {
				t.Errorf("%d runs in %v, want %d in %d min", runs, end.Sub(t0), tt.runs, tt.minutes)
			}
		})
	}
}
