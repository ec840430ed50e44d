package night

import "slices"

// resume takes up the passes that were cut off or not told, and writes down
// that this one begins, for all labs, before there is the first run.
func (p *pass) resume(l *locks) error {
	for key := range l.held {
		s, err := readState(p.Dir, key, p.started)
		switch {
		case err != nil:
			p.say("what an earlier pass has done is not known: %v", err)
			s = p.unknown(key, err)
		case s == nil:
			s = &state{Version: stateVersion, key: key, Started: p.started}
		case s.stale && !p.o.IfChanged: // all is made again
			s.Started, s.Over, s.cutOff = p.started, false, false
		}
		s.LabDir = p.first(key).LabDir
		if s.cutOff && !s.Over {
			p.resumed = true
			if s.Started.Before(p.since) {
				p.since = s.Started
			}
		}
		p.states[key] = s
	}
	for _, s := range p.states {
		if err := s.write(p.Dir); err != nil {
			p.forget(func(s *state) bool { return !s.kept })
			return err
		}
	}
	return nil
}

// first is the first job on a lab, one that knows its name if there is any; or
// one of no patch, where there is nothing to test.
func (p *pass) first(key string) Job {
	var found Job
	for _, j := range slices.Backward(p.jobs) {
		if p.key(j) == key && (j.Lab != "" || found.Lab == "") {
			found = j
		}
	}
	for name, dir := range p.o.Labs {
		if p.keys[dir] == key && found.Lab == "" {
			found = Job{LabDir: dir, Lab: name}
		}
	}
	return found
}

// unknown is the state of a lab whose state cannot be read: that is told, as
// whatever failed in that pass may never have been.
func (p *pass) unknown(key string, why error) *state {
	j := p.first(key)
	o := Outcome{
		Job: Job{LabDir: j.LabDir, Lab: j.Lab, Client: j.Client}, Code: codeInconclusive, Started: p.started,
		Reason: "what an earlier night did here may have been told to nobody, see patchlab runs: " + oneLine(why.Error()),
	}
	return &state{Version: stateVersion, key: key, Started: p.started, Ended: []flatOutcome{o.flat()}, kept: true}
}

// leftOver is what went wrong in passes that were taken up, and is no job's of
// this one: the patch is gone, say. Who has not heard of it would never.
func (p *pass) leftOver() (list []Outcome) {
	type name struct{ lab, patch string }
	seen := map[name]bool{}
	for i := range p.out {
		seen[name{p.out[i].Lab, p.out[i].Patch}] = true
	}
	for _, key := range p.labs() {
		s := p.states[key]
		if s == nil {
			continue // another night's
		}
		for _, was := range slices.Backward(s.Ended) { // the last counts
			n := name{was.Lab, was.Patch}
			if !seen[n] && was.Code != codeOK {
				list = append(list, was.outcome(s.why))
			}
			seen[n] = true
		}
	}
	return list
}

// outcome is o as it is told by a later pass, with why that is so.
func (o *flatOutcome) outcome(why string) Outcome {
	out := Outcome{
		Job: Job{
			LabDir: o.LabDir, Lab: o.Lab, Client: o.Client, Arg: o.Arg, Patch: o.Patch,
			SHA256: o.SHA256, Definition: o.Definition,
		},
		Code: o.Code, Verdict: o.Verdict, Reason: o.Reason, Run: o.Run, Dir: o.Dir, Before: o.Before, Seconds: o.Seconds, Log: o.Log,
	}
	if o.Run == "" {
		out.Started = o.Started // it is a word on the lab, and no run
	} else {
		out.Skipped = why
	}
	return out
}
