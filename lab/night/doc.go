// Package night plans and makes one unattended pass over many labs: which
// patches are tested on which lab, in which order, how many at once, until
// when; what is skipped; what is said about it in the morning. It runs
// commands and makes no instance itself.
package night

import (
	"context"
	"errors"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Job is one patch on one lab.
type Job struct {
	LabDir string // absolute
	Lab    string // name; empty when the definition is broken
	Client string
	Arg    string // the patch as `patchlab test` takes it: a name, or a path
	Patch  string // its name
	// SHA256 is the patch's, and Definition the lab's with it.
	SHA256     string
	Definition string
	MemoryMiB  int // of all machines of the lab
	Targets    int
	Impact     lab.Impact // the highest of the targets
	Shared     bool       // from a drop folder for many labs: that it is not for this one is no fault
	Err        error      // why there is nothing to run: a broken definition, a file that is no patch
}

// Past is what is known of earlier runs.
type Past interface {
	// Done returns the newest run of these bytes on this definition of the
	// lab that started after since.
	Done(labName, definition, sha256 string, since time.Time) (run string, v lab.Verdict, ok bool, err error)
	// Before returns the verdict of the newest run of a patch by its name on
	// the lab that started before t; "" when there is none.
	Before(labName, patch string, t time.Time) (lab.Verdict, error)
	// Seconds estimates how long a run on the lab takes: the median of its
	// last runs; 0 when there are none.
	Seconds(labName string) (float64, error)
}

// Outcome is what came of a job.
type Outcome struct {
	Job
	Code    int // exit code of the command; 0 when Skipped
	Verdict lab.Verdict
	Reason  string
	Run     string
	Dir     string
	Before  lab.Verdict
	Started time.Time
	Seconds float64
	Skipped string // why it was not run, without fault: already tested, made before the crash, not for this lab
	Log     string // path of what the command said
}

// Runner runs one job and returns what came of it. It ends the command, and
// waits until it has cleaned up, when ctx ends. It never returns an error: a
// command that could not be run is an Outcome.
type Runner interface {
	RunJob(ctx context.Context, j Job) Outcome
}

// Options say how a night goes.
type Options struct {
	FinishBy  time.Time // zero: no limit
	IfChanged bool
	Jobs      int // most at once; 0: as many as memory and processors allow
	// FreeMiB is the memory that jobs may use together; 0: no limit. A job
	// uses its MemoryMiB twice: control and patched arm.
	FreeMiB int
}

// Night is one pass.
type Night struct {
	Dir    string // where its state is kept; absolute
	Past   Past
	Runner Runner
	Now    func() time.Time
	Say    func(line string) // progress, for standard error; nil: silent
}

// Summary is what came of a night.
type Summary struct {
	Started  time.Time `json:"started"`
	Resumed  bool      `json:"resumed"` // an earlier pass had been cut off
	Seconds  float64   `json:"seconds"`
	Code     int       `json:"code"` // the worst
	Outcomes []Outcome `json:"-"`
}

var errTodo = errors.New("not built")

// Run makes a pass over jobs. Labs that another night works on are left to it
// and reported as busy (code 4); when that is all of them, a *lab.BusyError is
// returned at once. A pass over the same labs that was cut off is gone on
// with: what it finished is not made again.
func (n *Night) Run(ctx context.Context, jobs []Job, o Options) (*Summary, error) {
	return nil, errTodo
}

// Text is the summary for people: first what is wrong, a paragraph each, then
// what was not done and why, then one line about the rest.
func (s *Summary) Text() string { return "" }
