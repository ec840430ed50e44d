package lab

// Progress receives what long work is doing. Its methods may be called at
// the same time and return fast. Functions that take one accept nil through
// Quiet.
type Progress interface {
	// Step says what is being done or waited for now, in a few words:
	// "waiting for SSH (28 s)". Text may hold machine output: whoever shows
	// it escapes it.
	Step(text string)
	// Bytes reports how much of total was transferred or built; total is 0
	// when unknown.
	Bytes(done, total int64)
}

// Observer is shown the phases of a run as they happen. Its methods may be
// called at the same time.
type Observer interface {
	// Begin opens a phase of a machine, or of the whole arm when machine is
	// empty. The returned function closes it, once, with the phase's error.
	Begin(arm Arm, machine, phase string) (Progress, func(error))
}

type quiet struct{}

func (quiet) Step(string)        {}
func (quiet) Bytes(int64, int64) {}

func (quiet) Begin(Arm, string, string) (Progress, func(error)) {
	return quiet{}, func(error) {}
}

// Quiet returns p, or a Progress that drops everything when p is nil.
func Quiet(p Progress) Progress {
	if p == nil {
		return quiet{}
	}
	return p
}
