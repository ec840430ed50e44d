package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Question is what the gate is asked: may these files go out to a lab's
// machines?
type Question struct {
	Lab    string
	Now    lab.Fingerprint // of the present definition with all of its patches: see Present
	Files  []string        // paths
	MaxAge time.Duration   // of a pass, or of an approval that has no end of its own; 0: no limit
}

// Refusal is why the gate says no.
type Refusal string

// Refusals, the most telling first: where a file was tested in several
// patches, and none of them lets it out, the first of these is what is said.
// What speaks against the bytes comes first, then the evidence that cannot be
// trusted, then what is nearest to a yes.
const (
	Rejected       Refusal = "rejected"
	DidFail        Refusal = "failed"
	BrokenEvidence Refusal = "altered"   // the run's record is not as it was written
	NotAlone       Refusal = "not alone" // all is well, but for files that were tested with it and not given
	ChangedLab     Refusal = "lab changed"
	Expired        Refusal = "expired"
	NotConclusive  Refusal = "inconclusive" // tested, but nothing could be said
	OtherBytes     Refusal = "other bytes"  // the same name, or the same package, was tested with other bytes
	NeverTested    Refusal = "never tested"
)

// Answer is what the gate says of one file.
type Answer struct {
	File    string    `json:"file"` // as given
	SHA256  string    `json:"sha256"`
	Allowed bool      `json:"allowed"`
	Refusal Refusal   `json:"refusal,omitempty"`
	Reason  string    `json:"reason"` // one sentence, with run, dates, hashes and what changed; printable
	Run     string    `json:"run,omitempty"`
	Time    time.Time `json:"time,omitzero"`   // of the run (its start) or the decision that the answer rests on
	Notes   []string  `json:"notes,omitempty"` // printable
}

// Gate answers for each file, in the order given. A file goes out only if
//
//   - a run of a patch with exactly its bytes on this lab passed, or somebody
//     approved them, and each failure is outweighed by such a run or approval;
//   - nobody rejected them later than the last approval: a pass does not lift a
//     rejection, an approval does, and only until its own end;
//   - the definition is the one of that run or approval;
//   - it is within MaxAge, or within the approval's own end (both inclusive);
//     of a time that has not come, nobody knows that;
//   - every file of that patch that goes out with it (not Beside) was given too;
//   - the run's record, where it is kept, is as it was written. A pass of
//     another host whose record did not come with its ledger is passed over.
//
// A patch is known by the set of its files' bytes, whatever it and they are
// called. A failure that is newer than an approval outweighs it. A pass
// outweighs an older failure only if it was on all machines that the patch
// failed on, left out nothing that the failing run did not (control arm,
// verifying reboot), was no trial of a bisection, and was of the same patch of
// the definition where that has one of this name. An inconclusive run neither
// helps nor harms. The same bytes may be in several
// patches; one that lets them out is enough, but
//
//   - a rejected patch holds back each of its files in every patch, unless
//     that other patch is approved later (where all files of the rejected one
//     were given: one that holds them all);
//   - a patch that failed, and whose files were all given, holds back each of
//     them, unless a patch that holds them all passed or was approved later.
//
// What is later is told by the place in the ledger, between ledgers by the
// times: a pass must have started and been entered later than a failure, by
// more than clocks may differ between hosts. Where clocks leave it open, the
// answer is no.
//
// Runs of the lab that are kept and not entered are entered first: see Adopt.
//
// Errors: *lab.UsageError for a file that cannot be read; ErrTampered; a
// *lab.HostError that names a run which cannot be entered: it may be a failure.
func (g *Ledger) Gate(q Question) ([]Answer, error) {
	switch {
	case q.Lab == "":
		return nil, &lab.UsageError{Err: errors.New("no lab was named")}
	case len(q.Files) == 0:
		return nil, &lab.UsageError{Err: errors.New("no files were given")}
	}
	files, err := readFiles(q.Files)
	if err != nil {
		return nil, err
	}
	b, err := g.bench(q, files)
	if err != nil {
		return nil, err
	}
	together := hashes{}
	for _, f := range files {
		together[f.SHA256] = true
	}
	answers := make([]Answer, len(files))
	for i, f := range files {
		answers[i] = b.answer(f, together)
	}
	return answers, nil
}

// bench gathers what the ledger knows of files on q's lab, or of all patches.
func (g *Ledger) bench(q Question, files []given) (*bench, error) {
	if q.MaxAge < 0 {
		return nil, &lab.UsageError{Err: fmt.Errorf("an age of %v is no limit", q.MaxAge)}
	}
	s, err := g.complete(q.Lab)
	if err != nil {
		return nil, fmt.Errorf("cannot read the ledger of lab %q: %w", q.Lab, err)
	}
	defer s.Close()
	entries, err := s.entriesAbout(q.Lab, files)
	if err != nil {
		return nil, fmt.Errorf("cannot read the ledger of lab %q: %w", q.Lab, err)
	}
	b := newBench(q, g.now(), entries, g.evidence)
	b.own, b.absent = s.own().id, s.absent(q.Lab)
	return b, nil
}
