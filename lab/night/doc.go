// Package night plans and makes one unattended pass over many labs: which
// patches are tested on which lab, in which order, how many at once, until
// when; what is skipped; what is said about it in the morning. It runs
// commands and makes no instance itself.
//
// Its folder holds:
//
//	lock            held for moments, while locks of labs are taken and let go
//	locks/ID        held by the night that works on a lab, with its process
//	ID.json         when the pass over a lab began and what has come of it so
//	                far, until the pass is over
//
// ID is the SHA-256 of the lab's name, by which its runs are known, or of its
// folder's path where the definition is broken. So nights over different labs
// go side by side, and a pass that was cut off is gone on with lab by lab,
// also when other patches have arrived in the meantime, or the lab's folder is
// another one.
package night

import (
	"context"
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
	// SHA256 is the patch's, and Definition the lab's with it. In an Outcome
	// they are those of the run, should the files have changed meanwhile.
	SHA256     string
	Definition string
	MemoryMiB  int // of all machines of the lab
	Targets    int
	Impact     lab.Impact // the highest of the targets
	Shared     bool       // from a drop folder for many labs: that it is not for this one is no fault
	Backout    bool       // it is wanted that the patch is taken out again at the end
	Err        error      // why there is nothing to run: a broken definition, a file that is no patch
}

// Past is what is known of earlier runs. It is asked several times for each
// job. An error makes no difference but that nothing is known: the patch is
// tested.
type Past interface {
	// Done returns the newest run of j's bytes on j's definition of the lab that
	// started after since, and looked at all that j wants to know.
	Done(j Job, since time.Time) (run string, v lab.Verdict, ok bool, err error)
	// Before returns the verdict of the newest run of a patch by its name on
	// the lab that started before t; "" when there is none.
	Before(labName, patch string, t time.Time) (lab.Verdict, error)
	// Seconds estimates how long a run on the lab takes: the median of its
	// last runs; 0 when there are none.
	Seconds(labName string) (float64, error)
}

// Reader is what a Past may be able to do as well. Then a patch from a shared
// drop folder that turned out not to be for a lab is not tried there again by
// Options.IfChanged, and what a night did in its last moment before it was cut
// off is told with its reason.
type Reader interface {
	// Record reads the record of a run that Done returned.
	Record(labName, run string) (*lab.Record, error)
}

// Outcome is what came of a job.
type Outcome struct {
	Job
	Code    int // exit code of the command; when Skipped 0, or what a run before the crash came to
	Verdict lab.Verdict
	Reason  string
	Run     string
	Dir     string
	Before  lab.Verdict
	// Started is zero when it was not started in this pass. Of a word on a lab
	// or a patch, where there was no run, it is when the night began.
	Started time.Time
	Seconds float64
	Skipped string // why it was not run, without fault: already tested, made before the crash, not for this lab
	Log     string // path of what the command said; empty when all went well
}

// Runner runs one job and returns what came of it. It ends the command, and
// waits until it has cleaned up, when ctx ends. It never returns an error: a
// command that could not be run is an Outcome. Its methods are called at the
// same time. Of the Outcome, Before, Started and Seconds are the night's to
// fill in, and Job as well: the Runner only sets SHA256 and Definition, where
// it knows what was really tested.
type Runner interface {
	RunJob(ctx context.Context, j Job) Outcome
}

// Options say how a night goes.
type Options struct {
	// FinishBy is when all is to be over; zero: no limit. What cannot be done
	// by then, as far as one can tell, is not started; what is still at work
	// then is interrupted, and may take a moment longer to clean up.
	FinishBy time.Time
	// IfChanged skips bytes that passed or failed on the lab's present
	// definition, whenever that was.
	IfChanged bool
	// Jobs is the most at once; 0: one for each two processors, as a job has
	// two arms.
	Jobs int
	// FreeMiB is the memory that jobs may use together; 0: no limit. A job
	// uses its MemoryMiB twice: control and patched arm.
	FreeMiB int
	// Labs are the folders, by name, of labs that the night is over, also those
	// without jobs: what an earlier pass left to be told of them is told.
	Labs map[string]string
}

// Night is one pass.
type Night struct {
	Dir    string // where its state is kept; absolute
	Past   Past
	Runner Runner
	Now    func() time.Time  // nil: time.Now
	Say    func(line string) // progress, for standard error; nil: silent. Never called twice at once
	// Tell is given the summary before the pass is forgotten: what was not told
	// because the process died, or because Tell failed, is told by the next
	// one. Nil: nobody.
	Tell func(*Summary) error
}

// Summary is what came of a night.
type Summary struct {
	Started time.Time `json:"started"`
	Resumed bool      `json:"resumed"` // an earlier pass had been cut off
	// Since is when that began, over the lab where it did first; Started
	// when there was none.
	Since   time.Time `json:"since"`
	Seconds float64   `json:"seconds"` // since Started
	Code    int       `json:"code"`    // the worst
	// Outcomes are those of the jobs, in their order, then what an earlier pass
	// left to be told of patches that are gone, and the patches that turned out
	// to be for no lab.
	Outcomes []Outcome `json:"-"`
}
