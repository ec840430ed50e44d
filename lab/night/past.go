package night

import (
	"time"

	"github.com/patchlab/patchlab/lab"
)

// earlier is a run that there was; the zero value: there was none.
type earlier struct {
	run     string
	verdict lab.Verdict
}

// done is Past.Done; what is not known was not done.
func (p *pass) done(j Job, since time.Time) earlier {
	if j.SHA256 == "" || j.Definition == "" {
		return earlier{}
	}
	run, v, ok, err := p.Past.Done(j, since)
	if err != nil {
		p.say("%s: cannot tell whether it was tested: %v", j.name(), err)
		return earlier{}
	}
	if !ok || !isVerdict(v) {
		return earlier{}
	}
	return earlier{run, v}
}

func (p *pass) before(j Job) lab.Verdict {
	if j.Lab == "" || j.Patch == "" {
		return ""
	}
	at := p.started
	if s := p.states[p.key(j)]; s != nil {
		at = s.Started
	}
	v, err := p.Past.Before(j.Lab, j.Patch, at)
	if err != nil {
		p.say("%s: cannot tell what it came to the time before: %v", j.name(), err)
		return ""
	}
	if !isVerdict(v) {
		return ""
	}
	return v
}

func (p *pass) seconds(name string) float64 {
	s, err := p.Past.Seconds(name)
	if err != nil {
		p.say("%s: cannot tell how long a run takes: %v", name, err)
		return 0
	}
	return s
}

// record reads the record of j's run; nil where that cannot be done.
func (p *pass) record(j Job, run string) *lab.Record {
	r, ok := p.Past.(Reader)
	if !ok {
		return nil
	}
	rec, err := r.Record(j.Lab, run)
	if err != nil {
		p.say("%s: cannot read the record of run %s: %v", j.name(), run, err)
		return nil
	}
	return rec
}
