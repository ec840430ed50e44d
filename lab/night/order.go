package night

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// task is a job that is to be run.
type task struct {
	Job
	index    int         // in the jobs that were given
	tested   bool        // these bytes, on this definition
	before   lab.Verdict // of the newest run of a patch of that name
	estimate time.Duration
}

// byRisk orders tasks: what most likely tells something new, and matters most
// if it does, comes first, as nobody knows how far a night gets.
//
//  1. Bytes that were never tested before those that were: only of them
//     nothing is known.
//  2. What failed the time before: somebody waits for it to be mended.
//  3. The highest impact, then the most machines: what would hurt most.
//  4. The longest, because short ones fill the gaps that it leaves.
//  5. The names, so that the same night always goes the same way.
func byRisk(a, b *task) int {
	return cmp.Or(
		first(!a.tested, !b.tested),
		first(a.before == lab.Fail, b.before == lab.Fail),
		cmp.Compare(weight(b.Impact), weight(a.Impact)),
		cmp.Compare(b.Targets, a.Targets),
		cmp.Compare(b.estimate, a.estimate),
		cmp.Compare(a.Lab, b.Lab),
		cmp.Compare(a.Patch, b.Patch),
		cmp.Compare(a.LabDir, b.LabDir),
		cmp.Compare(a.Arg, b.Arg),
	)
}

// why says why a task has its place.
func (t *task) why() string {
	switch {
	case !t.tested && t.before == lab.Fail:
		return "never tested, failed the time before"
	case !t.tested:
		return "never tested"
	case t.before == lab.Fail:
		return "failed the time before"
	case t.Impact == lab.ImpactHigh:
		return "tested before, high impact"
	}
	return "tested before"
}

// first orders what holds before what does not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func weight(i lab.Impact) int {
	switch i {
	case lab.ImpactHigh:
		return 2
	case lab.ImpactLow:
		return 0
	}
	return 1
}

// unknownEstimate is how long a run is taken to last where no lab has had one.
const unknownEstimate = 30 * time.Minute

// estimates are how long a run takes, by lab. A lab that had none is taken for
// one like the others: their median.
type estimates struct {
	known  map[string]time.Duration
	median time.Duration
}

// estimate asks seconds for each lab's runs.
func estimate(labs []string, seconds func(lab string) float64) estimates {
	e := estimates{known: map[string]time.Duration{}, median: unknownEstimate}
	var all []time.Duration
	for _, name := range labs {
		if _, there := e.known[name]; there || name == "" {
			continue
		}
		s := seconds(name)
		if !(s > 0) || math.IsInf(s, 0) || s > maxEstimate.Seconds() { // NaN too
			continue
		}
		e.known[name] = max(time.Duration(s*float64(time.Second)), 1)
		all = append(all, e.known[name])
	}
	if len(all) > 0 {
		slices.Sort(all)
		e.median = all[len(all)/2]
	}
	return e
}

// maxEstimate is the most that is believed.
const maxEstimate = 7 * 24 * time.Hour

func (e *estimates) of(lab string) time.Duration {
	if d, ok := e.known[lab]; ok {
		return d
	}
	return e.median
}
