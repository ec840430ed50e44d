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
// Of one that is longer ago only what IfChanged would leave out is told: nobody
// has heard of it yet.
//
// When ctx ends, what is at work is interrupted and waited for; the summary's
// code is 130 unless a patch failed before, and the pass can be gone on with.
//
// Errors: the *lab.BusyError, a *lab.HostError when the night's folder cannot
// be written, and ctx's when it ended before the first run. Then nothing was
// done. Whatever goes wrong later is in the summary.
func (n *Night) Run(ctx context.Context, jobs []Job, o Options) (*Summary, error) {
	p := &pass{Night: n, o: o, jobs: jobs, started: n.now(), out: make([]Outcome, len(jobs)), states: map[string]*state{}}
	p.since = p.started
	locks, busy, err := lockLabs(ctx, n.Dir, p.labDirs(), p.started)
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
	sum := p.summary()
	if p.Tell != nil {
		p.Tell(sum)
	}
	p.end()
	return sum, nil
}

// pass is one call of Run.
type pass struct {
	*Night
	o       Options
	jobs    []Job
	out     []Outcome // of jobs, by index
	started time.Time
	since   time.Time // when the pass that was cut off began, over the lab where it did first
	resumed bool
	busy    map[string]string // who holds a lab, by folder
	states  map[string]*state // of the labs that are ours, by folder
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

func (p *pass) labDirs() []string {
	dirs := map[string]bool{}
	for _, j := range p.jobs {
		dirs[j.LabDir] = true
	}
	return slices.Sorted(maps.Keys(dirs))
}

// allBusy is an error when there is not one lab that nobody works on.
func (p *pass) allBusy() error {
	if len(p.jobs) == 0 || len(p.busy) < len(p.labDirs()) {
		return nil
	}
	j := p.jobs[0]
	what := fmt.Sprintf("lab %q", j.title())
	if len(p.busy) > 1 {
		what = fmt.Sprintf("each of the %d labs", len(p.busy))
	}
	return &lab.BusyError{What: what, Holder: p.busy[j.LabDir]}
}

func (p *pass) release(ctx context.Context, l *locks) {
	if err := l.release(ctx); err != nil {
		p.say("cannot remove the night's locks: %v", err)
	}
}

// resume takes up the passes that were cut off, and writes down that this one
// begins, for all labs, before there is the first run.
func (p *pass) resume(l *locks) error {
	for labDir := range l.held {
		s, err := readState(p.Dir, labDir, p.started)
		if err != nil {
			p.say("what an earlier pass has done is not known: %v", err)
		}
		if s == nil || s.stale && !p.o.IfChanged {
			s = &state{Version: stateVersion, LabDir: labDir, Started: p.started}
		}
		p.resumed = p.resumed || s.cutOff
		if s.Started.Before(p.since) {
			p.since = s.Started
		}
		p.states[labDir] = s
	}
	for _, s := range p.states {
		if err := s.write(p.Dir); err != nil {
			p.forget(func(s *state) bool { return !s.cutOff })
			return err
		}
	}
	return nil
}

// forget removes what is kept of the passes over the labs that which picks.
func (p *pass) forget(which func(*state) bool) {
	for _, s := range p.states {
		if !which(s) {
			continue
		}
		if err := s.forget(p.Dir); err != nil {
			p.say("%v", err)
		}
	}
}

// end forgets the pass, unless it was interrupted: then it can be gone on
// with.
func (p *pass) end() {
	if slices.ContainsFunc(p.out, func(o Outcome) bool { return o.Code == codeInterrupted }) {
		return
	}
	p.forget(func(*state) bool { return true })
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
