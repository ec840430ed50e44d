package ledger

import (
	"context"
	"io"
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

// Refusals.
const (
	NeverTested    Refusal = "never tested"
	OtherBytes     Refusal = "other bytes" // the same name, or the same package, was tested with other bytes
	NotAlone       Refusal = "not alone"   // tested only together with files that were not given
	DidFail        Refusal = "failed"
	NotConclusive  Refusal = "inconclusive" // tested, but nothing could be said
	Rejected       Refusal = "rejected"
	Expired        Refusal = "expired"
	ChangedLab     Refusal = "lab changed"
	BrokenEvidence Refusal = "altered" // the run's record is not as it was written
)

// Answer is what the gate says of one file.
type Answer struct {
	File    string    `json:"file"` // as given
	SHA256  string    `json:"sha256"`
	Allowed bool      `json:"allowed"`
	Refusal Refusal   `json:"refusal,omitempty"`
	Reason  string    `json:"reason"` // one sentence, with run, dates, hashes and what changed
	Run     string    `json:"run,omitempty"`
	Time    time.Time `json:"time,omitzero"` // of the pass or the approval
	Notes   []string  `json:"notes,omitempty"`
}

// Present is l's fingerprint with all of its patches.
func Present(l *lab.Lab) (lab.Fingerprint, error) { return lab.Fingerprint{}, errTodo }

// Gate answers for each file, in the order given. A file goes out only if
//
//   - the newest conclusive run of a patch with exactly its bytes on this lab
//     passed, or somebody approved them later than any failure;
//   - nobody rejected them later than the last approval: a pass does not lift a
//     rejection, an approval does;
//   - the definition is the one of that run or approval;
//   - it is within MaxAge, or within the approval's own end;
//   - every file of that patch that goes out with it (not Beside) was given too;
//   - the run's record, where it is kept, is as it was written.
//
// A failure that is newer than an approval outweighs it. An inconclusive run
// neither helps nor harms. Errors: *lab.UsageError for a file that cannot be
// read; ErrTampered.
func (g *Ledger) Gate(q Question) ([]Answer, error) { return nil, errTodo }

// Approved lists the patches that the gate lets out on a lab now, newest
// entry first, each once.
func (g *Ledger) Approved(labName string, now lab.Fingerprint, maxAge time.Duration) ([]Entry, error) {
	return nil, errTodo
}

// Formats of Export.
const (
	ExportApt     = "apt"     // apt_preferences(5): the approved versions are wanted, others of the same packages are not
	ExportAnsible = "ansible" // a YAML file of variables
	ExportWSUS    = "wsus"    // a PowerShell script that approves the updates on a WSUS server
	ExportCSV     = "csv"     // RFC 4180
)

// Export writes the approved set in one of the formats. What a format cannot
// say (a script in apt's) is named in a comment, never left out in silence.
func Export(w io.Writer, format, labName string, approved []Entry) error { return errTodo }

// Problem is something that Verify found.
type Problem struct {
	Ledger string `json:"ledger"` // "" is this host's own
	Seq    int    `json:"seq,omitempty"`
	Run    string `json:"run,omitempty"`
	File   string `json:"file,omitempty"`
	Text   string `json:"text"`
}

// Verified is what Verify looked at.
type Verified struct {
	Ledgers  int       `json:"ledgers"`
	Entries  int       `json:"entries"`
	Runs     int       `json:"runs"`   // whose folders were compared
	Pruned   int       `json:"pruned"` // whose folders are gone, as an entry says
	Seals    int       `json:"seals"`
	Unsealed int       `json:"unsealed"`
	Trusted  bool      `json:"trusted"` // seals were compared with the operators' keys
	Problems []Problem `json:"problems"`
}

// Verify reads everything: the chains, the heads, the seals, and every file of
// every run record. Signers is the path of an allowed_signers file
// (ssh-keygen(1)); empty: seals are only looked at for being of their entries,
// by whomever. Problems are no error; an error is what kept it from looking.
func (g *Ledger) Verify(ctx context.Context, signers string) (*Verified, error) { return nil, errTodo }

// MergeFrom takes over the ledger and the run records of another host, whose
// PATCHLAB_HOME is, or was copied to, home. Done again it takes over what has
// been added since. What was taken over before must still be there unaltered;
// that, or a problem in the other ledger, is ErrTampered and takes over
// nothing.
func (g *Ledger) MergeFrom(ctx context.Context, home string) (Merged, error) {
	return Merged{}, errTodo
}

// Expendable lists the folders of runs that may go: those of a lab that are
// past the limits of its newest run's Retain (or def, where it has none), but
// never the lab's last pass, nor a run of bytes that a decision which still
// counts points at, nor one that is not entered.
func (g *Ledger) Expendable(def lab.Retention) ([]string, error) { return nil, errTodo }

// Remove enters that runs' folders go, and removes them: in this order, so
// that a crash in between leaves an entry and no gap.
func (g *Ledger) Remove(dirs []string) error { return errTodo }
