package night

import "slices"

// end forgets the pass, unless it was interrupted: then it can be gone on
// with. Where it could not be told, what is not well is kept for the next one.
func (p *pass) end(untold error) {
	if slices.ContainsFunc(p.out[:len(p.jobs)], func(o Outcome) bool { return o.Code == codeInterrupted }) {
		return
	}
	keep := map[string]bool{}
	if untold != nil {
		keep = p.unwell()
	}
	for key := range keep {
		s := p.states[key]
		s.Over = true
		if s.Untold++; s.Untold >= untoldNights {
			delete(keep, key)
			continue
		}
		if err := s.write(p.Dir); err != nil {
			p.say("%v", err)
		}
	}
	p.forget(func(s *state) bool { return !keep[s.key] })
}

// unwell are the labs of this night, by key, of which there is something to
// tell.
func (p *pass) unwell() map[string]bool {
	labs, nowhere := map[string]bool{}, map[string]bool{}
	for _, o := range p.out {
		nowhere[o.Arg] = nowhere[o.Arg] || o.LabDir == ""
	}
	for _, o := range p.out {
		if key := p.key(o.Job); p.states[key] != nil && (o.Code != codeOK || nowhere[o.Arg]) {
			labs[key] = true
		}
	}
	for key, s := range p.states {
		if slices.ContainsFunc(s.Ended, func(o flatOutcome) bool { return o.Code != codeOK }) {
			labs[key] = true
		}
	}
	return labs
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
