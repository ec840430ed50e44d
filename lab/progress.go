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

type quiet struct{}

func (quiet) Step(string)        {}
func (quiet) Bytes(int64, int64) {}

// Quiet returns p, or a Progress that drops everything when p is nil.
func Quiet(p Progress) Progress {
	if p == nil {
		return quiet{}
	}
	return p
}
