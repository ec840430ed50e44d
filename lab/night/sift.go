package night

import (
	"slices"
	"time"
)

// sift tells the jobs that are to be run, and puts them in order, from those
// whose outcome is known already.
func (p *pass) sift() {
	var labs []string
	for _, j := range p.jobs {
		labs = append(labs, j.Lab)
	}
	known := estimate(labs, p.seconds)
	type key struct{ labDir, arg string }
	seen := map[key]bool{}
	for i, j := range p.jobs {
		k := key{j.LabDir, j.Arg}
		if seen[k] {
			p.out[i] = Outcome{Job: j, Skipped: namedTwice}
			continue
		}
		seen[k] = j.Err == nil // each fault is told
		before, last := p.before(j), p.done(j, time.Time{})
		o, settled := p.foregone(j, last)
		if settled {
			o.Before = before
			p.out[i] = o
			continue
		}
		p.waiting = append(p.waiting, &task{Job: j, index: i, tested: last.verdict != "", before: before, estimate: known.of(j.Lab)})
	}
	slices.SortFunc(p.waiting, byRisk)
}

// sayPlan says what is going to be done.
func (p *pass) sayPlan() {
	if p.resumed {
		p.say("the pass that began at %s was cut off; it is gone on with", clock(p.since, p.started))
	}
	labs := map[string]bool{}
	for _, t := range p.waiting {
		labs[t.LabDir] = true
	}
	until := ""
	if !p.o.FinishBy.IsZero() {
		until = ", until " + clock(p.o.FinishBy, p.started)
	}
	if len(p.waiting) == 0 {
		p.say("no runs%s%s", until, p.rest())
		return
	}
	end, runs := foresee(p.waiting, p.o, p.started)
	late := ""
	if n := len(p.waiting) - runs; n > 0 {
		late = "; " + count(n, "run") + " more than there is time for"
	}
	p.say("%s on %s, about %s%s%s%s", count(len(p.waiting), "run"), count(len(labs), "lab"),
		span(end.Sub(p.started)), until, late, p.rest())
}

// rest counts the jobs that are not to be run.
func (p *pass) rest() string {
	skipped, wrong := 0, 0
	waits := map[int]bool{}
	for _, t := range p.waiting {
		waits[t.index] = true
	}
	for i := range p.out {
		switch {
		case waits[i]:
		case p.out[i].Code == codeOK:
			skipped++
		default:
			wrong++
		}
	}
	text := ""
	if skipped > 0 {
		text += "; " + count(skipped, "other") + " skipped"
	}
	if wrong > 0 {
		text += "; " + count(wrong, "other") + " known not to be well"
	}
	return text
}
