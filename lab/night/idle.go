package night

import (
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// nowhere are the patches for many labs that were found to be for none of
// them, on the machines themselves: nobody knows anything about them, though
// nothing went wrong. What an earlier night has told is not told again.
func (p *pass) nowhere() (list []Outcome) {
	used, fresh := map[string]bool{}, map[string]bool{}
	for i := range p.jobs {
		o := &p.out[i]
		if o.Skipped == namedTwice {
			continue
		}
		if o.Code != codeOK || o.Skipped != nothingToDo {
			used[o.Arg] = true
		}
		s := p.states[p.key(o.Job)]
		fresh[o.Arg] = fresh[o.Arg] || !o.Started.IsZero() || s != nil && s.cutOff
	}
	for _, j := range p.jobs {
		if !j.Shared || used[j.Arg] || !fresh[j.Arg] {
			continue
		}
		used[j.Arg] = true // once
		list = append(list, Outcome{
			Job: Job{Arg: j.Arg, Patch: j.Patch, SHA256: j.SHA256, Shared: true}, Code: codeInconclusive, Started: p.started,
			Reason: "it was tested nowhere: no lab has a machine that it is for",
		})
	}
	return list
}

// isIdle says, where nothing was said about the patch because none of the
// machines it went to is one that it is for, or had it already, which of them.
func isIdle(rec *lab.Record) (why string, ok bool) {
	why = nothingToDo
	targets := 0
	for _, m := range rec.Machines {
		if !m.Target {
			continue
		}
		targets++
		switch {
		case m.Outcome == nil:
			return "", false
		case m.Outcome.Status == lab.AlreadyInstalled:
			why = hadAlready
		case m.Outcome.Status != lab.NotApplicable:
			return "", false
		}
	}
	host := slices.ContainsFunc(rec.Findings, func(f lab.Finding) bool { return f.Host })
	return why, targets > 0 && !host && rec.Verdict == lab.Inconclusive
}
