package night

import (
	"github.com/patchlab/patchlab/lab"
)

// foregone is the outcome of j where that is known without a run. Last is the
// newest run there was, whenever that may have been.
func (p *pass) foregone(j Job, last earlier) (Outcome, bool) {
	if holder, busy := p.busy[p.key(j)]; busy {
		return Outcome{Job: j, Code: codeBusy, Reason: holder + " is at work on it"}, true
	}
	if j.Err != nil {
		return Outcome{Job: j, Code: codeBroken, Reason: oneLine(j.Err.Error())}, true
	}
	// First what the pass did before it was cut off: a patch that failed then
	// must not be skipped as one that was tested already.
	if s := p.states[p.key(j)]; s.cutOff {
		if e := p.done(j, s.Started); e.verdict != "" && (!s.stale || e.verdict != lab.Inconclusive) {
			return p.recalled(s, Outcome{Job: j, Run: e.run, Verdict: e.verdict, Code: codeOf(e.verdict), Skipped: s.why}), true
		}
	}
	if p.o.IfChanged && last.verdict != "" {
		return p.unchanged(j, last)
	}
	return Outcome{}, false
}

const (
	beforeCrash   = "made before the pass was cut off"
	beforeSilence = "made in a night that could not be told"
	nothingToDo   = "nothing to do on this lab"                   // none of its machines is one that it is for
	hadAlready    = "the machines that it is for have it already" // those that there are
	namedTwice    = "named twice"
)

// recalled is o, of a run that was made before the pass was cut off, with what
// is known of it: it counts as if it had been made now.
func (p *pass) recalled(s *state, o Outcome) Outcome {
	if s.recall(&o) {
		return o
	}
	rec := p.record(o.Job, o.Run)
	if rec == nil {
		return o
	}
	o.Reason, o.Dir, o.Seconds = lab.Printable(rec.Reason, maxReason), rec.Dir, rec.Seconds
	if why, idle := isIdle(rec); o.Shared && idle {
		o.Code, o.Skipped = codeOK, why
	}
	return o
}

// unchanged is the outcome of j if its bytes said already, on this definition,
// what they have to say.
func (p *pass) unchanged(j Job, last earlier) (Outcome, bool) {
	o := Outcome{Job: j, Run: last.run, Verdict: last.verdict, Skipped: "already tested: it " + verb(last.verdict)}
	if last.verdict != lab.Inconclusive {
		return o, true
	}
	if !j.Shared {
		return Outcome{}, false
	}
	rec := p.record(j, last.run)
	if rec == nil {
		return Outcome{}, false
	}
	why, idle := isIdle(rec)
	o.Skipped = why
	return o, idle
}
