package ledger

import (
	"errors"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Ledger is a ledger on this host.
type Ledger struct {
	// Dir is the ledger's folder, and Runs the folder of all run records
	// (<Runs>/<lab>/<run>); absolute. Both may be missing.
	Dir, Runs string
	Host      string // name of this host, for entries
	// SealKey is the path of the SSH key that entries are sealed with: a
	// private key without passphrase, or the public half of one that an
	// ssh-agent holds. Empty: they are not.
	SealKey string
	Now     func() time.Time // nil: time.Now
}

// ErrTampered says that the ledger, or a run record, is not as it was written.
var ErrTampered = errors.New("altered after it was written")

var errTodo = errors.New("not built")

// Enter adds the entry of a run whose record is kept in rec.Dir, whose
// SHA256SUMS is there (see WriteSums). A run that is in already is left as it
// is and returned. It waits for other processes that add entries. Errors: a
// *lab.HostError when it cannot be written, then nothing is added; ErrTampered
// when the end of the ledger is not as it was left; *SealError when the entry
// is in, but its seal could not be made.
func (g *Ledger) Enter(rec *lab.Record) (Entry, error) { return Entry{}, errTodo }

// Adopt enters runs whose process died after the record was kept and before
// it was entered, oldest first.
func (g *Ledger) Adopt() ([]Entry, error) { return nil, errTodo }

// Decide adds an approval or a rejection of a patch on a lab.
func (g *Ledger) Decide(kind Kind, l *lab.Lab, p lab.PatchRecord, f lab.Fingerprint, d Decision) (Entry, error) {
	return Entry{}, errTodo
}

// Entries returns the entries that f picks, of this ledger and of those that
// were merged into it, newest first (by run's start or entry's time, whichever
// the entry has; then by line). It follows the whole chain on the way:
// ErrTampered where it breaks.
func (g *Ledger) Entries(f Filter) ([]Entry, error) { return nil, errTodo }

// WriteSums writes dir/SHA256SUMS: a line "<sha256>  <path>" for each other
// regular file below dir, sorted by path, hidden files at the top left out. A
// path with a backslash or line end is written as sha256sum(1) does.
func WriteSums(dir string) error { return errTodo }

// RunDir finds the record's folder of a run by its id, the unambiguous
// beginning of one, a lab's name (its newest run), or the folder's path.
// Nothing or more than one found is a *lab.UsageError that names what is near.
func (g *Ledger) RunDir(ref string) (string, error) { return "", errTodo }

// ReadRecord reads the run record in dir. A record of a newer version is a
// *lab.UsageError. It does not compare it with the ledger: see Check.
func ReadRecord(dir string) (*lab.Record, error) { return nil, errTodo }

// Check compares a run's folder with its entry: SHA256SUMS and every file that
// it lists; extra files count too. ErrTampered names the file.
func (g *Ledger) Check(e Entry) error { return errTodo }
