package night

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Run makes a pass over jobs. Labs that another night works on are left to it
// and reported as busy (code 4); when that is all of them, a *lab.BusyError is
// returned at once. A pass over a lab that was cut off less than 20 hours ago
// is gone on with: what it finished is not made again, and told with the rest.
// Of one that is longer ago, or that could not be told, only what IfChanged
// would leave out is told: nobody has heard of it yet. So is what went wrong
// with a patch that is no longer there, and that the notes of an earlier pass
// cannot be read.
//
// When ctx ends, what is at work is interrupted and waited for; the summary's
// code is 130 unless a patch failed before, and the pass can be gone on with.
//
// Errors: the *lab.BusyError, a *lab.HostError when the night's folder cannot
// be written, and ctx's when it ended before the first run. Then nothing was
// done. Whatever goes wrong later is in the summary.
func (n *Night) Run(ctx context.Context, jobs []Job, o Options) (*Summary, error) {
	p := &pass{Night: n, o: o, jobs: jobs, keys: keysOf(jobs, o.Labs), started: n.now(), out: make([]Outcome, len(jobs)), states: map[string]*state{}}
	p.since = p.started
	locks, busy, err := lockLabs(ctx, n.Dir, p.labs(), p.started)
	if err != nil {
		return nil, err
	}
	defer p.release(ctx, locks)
	p.busy = busy
	if err := p.allBusy(); err != nil {
		return nil, err
	}
	if err := p.resume(locks); err != nil {
		return nil, err
	}
	p.sift()
	p.sayPlan()
	p.work(ctx)
	p.out = append(p.out, p.leftOver()...)
	p.out = append(p.out, p.nowhere()...)
	sum := p.summary()
	p.end(p.tell(sum))
	return sum, nil
}

// pass is one call of Run.
type pass struct {
	*Night
	o       Options
	jobs    []Job
	keys    map[string]string // of labs, by folder
	out     []Outcome         // of jobs, by index; then the others
	started time.Time
	since   time.Time // when the pass that was cut off began, over the lab where it did first
	resumed bool
	busy    map[string]string // who holds a lab, by key
	states  map[string]*state // of the labs that are ours, by key
	waiting []*task           // in order
	host    *host
}

func (n *Night) now() time.Time {
	if n.Now != nil {
		return n.Now()
	}
	return time.Now()
}

func (n *Night) say(format string, args ...any) {
	if n.Say != nil {
		n.Say(lab.Printable(fmt.Sprintf(format, args...), 1000))
	}
}

// keysOf says, by the labs' folders, what they are known by: the name, which
// stays when the folder is another one, or else the folder.
func keysOf(jobs []Job, labs map[string]string) map[string]string {
	keys := map[string]string{}
	for name, dir := range labs {
		keys[dir] = "lab " + name
	}
	for _, j := range jobs {
		if j.Lab != "" {
			keys[j.LabDir] = "lab " + j.Lab
		} else if keys[j.LabDir] == "" {
			keys[j.LabDir] = j.LabDir
		}
	}
	return keys
}

func (p *pass) key(j Job) string { return p.keys[j.LabDir] }

// labs are the keys of all labs.
func (p *pass) labs() []string {
	return slices.Compact(slices.Sorted(maps.Values(p.keys)))
}

// allBusy is an error when there is not one lab that nobody works on.
func (p *pass) allBusy() error {
	if len(p.jobs) == 0 || len(p.busy) < len(p.labs()) {
		return nil
	}
	j := p.jobs[0]
	what := fmt.Sprintf("lab %q", j.title())
	if len(p.busy) > 1 {
		what = fmt.Sprintf("each of the %d labs", len(p.busy))
	}
	return &lab.BusyError{What: what, Holder: p.busy[p.key(j)]}
}

func (p *pass) release(ctx context.Context, l *locks) {
	if err := l.release(ctx); err != nil {
		p.say("cannot remove the night's locks: %v", err)
	}
}

func (p *pass) tell(s *Summary) error {
	if p.Tell == nil {
		return nil
	}
	return p.Tell(s)
}

func (p *pass) summary() *Summary {
	s := &Summary{
		Started: p.started, Resumed: p.resumed, Since: p.since,
		Seconds: p.now().Sub(p.started).Seconds(), Outcomes: p.out,
	}
	for _, o := range p.out {
		s.Code = worse(s.Code, o.Code)
	}
	return s
}
