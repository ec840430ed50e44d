package night

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// The exit codes of patchlab, which every command shares.
const (
	codeOK           = 0
	codeFail         = 1
	codeBroken       = 2
	codeInconclusive = 3
	codeBusy         = 4
	codeInterrupted  = 130
)

// errFinishBy is the cause of the end of what is at work at Options.FinishBy.
var errFinishBy = errors.New("the night is over")

// worse is the worse of two exit codes: a failed patch outweighs all else.
func worse(a, b int) int {
	if a == codeFail || b == codeFail {
		return codeFail
	}
	return max(a, b)
}

// codeOf is the exit code that goes with a verdict.
func codeOf(v lab.Verdict) int {
	switch v {
	case lab.Pass:
		return codeOK
	case lab.Fail:
		return codeFail
	}
	return codeInconclusive
}

func isVerdict(v lab.Verdict) bool {
	return v == lab.Pass || v == lab.Fail || v == lab.Inconclusive
}

// settle makes of what the Runner returned for j an outcome whose code and
// verdict agree: nothing without a verdict is well, and nobody but this night
// was interrupted. Cause is why the job's context ended, nil when it did not.
func settle(j Job, o Outcome, cause error, by time.Time) Outcome {
	bytes, definition := o.SHA256, o.Definition
	o.Job = j
	if bytes != "" {
		o.SHA256 = bytes
	}
	if definition != "" {
		o.Definition = definition
	}
	if !isVerdict(o.Verdict) {
		o.Verdict = ""
	}
	switch {
	case o.Skipped != "" && o.Code == codeOK:
	case o.Verdict != "":
		if o.Code != codeOK && o.Code != codeOf(o.Verdict) { // something is wrong with it
			o.Code = worse(codeOf(o.Verdict), codeInconclusive)
		}
		o.Code = worse(o.Code, codeOf(o.Verdict))
	case errors.Is(cause, errFinishBy):
		o.Code, o.Reason = codeInconclusive, join("did not finish by "+clock(by, by), o.Reason)
	case cause != nil:
		o.Code, o.Reason = codeInterrupted, join("interrupted", o.Reason)
	default:
		o.Code = unfinished(&o)
	}
	return o
}

// unfinished is the code of a command that gave no verdict though nobody
// stopped it.
func unfinished(o *Outcome) int {
	switch o.Code {
	case codeBroken, codeBusy, codeInconclusive:
	case codeInterrupted:
		o.Reason = join("somebody else interrupted it", o.Reason)
		return codeInconclusive
	default:
		o.Reason = join(fmt.Sprintf("it ended with code %d and without a verdict", o.Code), o.Reason)
		return codeInconclusive
	}
	return o.Code
}

func join(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// runSafely runs j; a Runner that panics is an outcome as well.
func (n *Night) runSafely(ctx context.Context, j Job) (o Outcome) {
	defer func() {
		if v := recover(); v != nil {
			o = Outcome{Code: codeInconclusive, Reason: lab.Printable(fmt.Sprintf("patchlab broke over it: %v", v), maxReason)}
		}
	}()
	return n.Runner.RunJob(ctx, j)
}

const maxReason = 500 // bytes
