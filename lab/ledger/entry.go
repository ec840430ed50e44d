package ledger

import (
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Kind is what an entry tells.
type Kind string

// Kinds of entries.
const (
	Begin   Kind = "begin"   // the first entry: the ledger's id
	Run     Kind = "run"     // a run that was kept
	Approve Kind = "approve" // somebody lets a patch go out
	Reject  Kind = "reject"  // somebody does not
	Prune   Kind = "prune"   // run records that were removed, as the retention wants it
	Merge   Kind = "merge"   // what was taken over of another host's ledger
)

// Version is the version of the entries' format. Fields are only ever added.
const Version = 1

// Entry is one line of a ledger. Prev is the first field, so that the chain
// can be followed without reading the rest.
type Entry struct {
	Prev    string    `json:"prev"` // SHA-256 of the line before, 64 hex digits; of the first: zeros
	Seq     int       `json:"seq"`  // 1-based line number
	Version int       `json:"version"`
	Time    time.Time `json:"time"` // when it was entered, UTC
	Host    string    `json:"host"`
	Kind    Kind      `json:"kind"`

	Ledger string `json:"ledger,omitempty"` // of Begin: the ledger's id, 32 hex digits
	Lab    string `json:"lab,omitempty"`
	Client string `json:"client,omitempty"`
	// Patch and Definition are of Run, Approve and Reject: a decision is on
	// bytes and on a definition as they were then.
	Patch      *lab.PatchRecord `json:"patch,omitempty"`
	Definition *lab.Fingerprint `json:"definition,omitempty"`
	Run        *RunEntry        `json:"run,omitempty"`
	Decision   *Decision        `json:"decision,omitempty"`
	Pruned     []string         `json:"pruned,omitempty"` // ids of runs of Lab
	Merged     *Merged          `json:"merged,omitempty"`

	// Line is the entry as it stands in the ledger, without its line end, and
	// Of the id of the ledger it was read from.
	Line []byte `json:"-"`
	Of   string `json:"-"`
}

// What RunEntry.Weak says.
const (
	WithoutControl = "no control arm"
	WithoutReboot  = "no verifying reboot"
)

// RunEntry is what an entry says of a run.
type RunEntry struct {
	ID      string      `json:"id"`
	Started time.Time   `json:"started"`
	Seconds float64     `json:"seconds"`
	Verdict lab.Verdict `json:"verdict"`
	Reason  string      `json:"reason"` // of the record; printable
	// Targets are the machines that the run says something of: of a pass those
	// that the patch was applied on, of a failure those that it may have been.
	// Unused are, of both, those that it was for and that had no use for it.
	Targets []string          `json:"targets,omitempty"`
	Unused  []string          `json:"unused,omitempty"`
	Backout lab.BackoutResult `json:"backout,omitempty"`
	// Weak says what was left out by choice: "no control arm"; of a run that
	// passed also "no verifying reboot".
	Weak []string `json:"weak,omitempty"`
	// Trial says that it was one trial of a bisection, and Idle that no machine
	// had a use for the patch: neither says how the lab is.
	Trial bool            `json:"trial,omitempty"`
	Idle  bool            `json:"idle,omitempty"`
	Sums  string          `json:"sums"` // SHA-256 of the record's SHA256SUMS
	Keep  *lab.Retention  `json:"retain,omitempty"`
	Tool  *lab.ToolRecord `json:"tool,omitempty"`
}

// Decision is what somebody decided about a patch on a lab.
type Decision struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until,omitzero"` // an approval's end; zero: none of its own
}

// Merged is the state of another ledger that was taken over.
type Merged struct {
	Ledger string `json:"ledger"` // its id
	Head   Head   `json:"head"`
	Runs   int    `json:"runs"` // how many run records came with it
	// Missing are the runs ("<lab>/<run>") that the ledger has entries of, and
	// whose records were not there to take over, though no entry says that
	// they were removed.
	Missing []string `json:"missing,omitempty"`
}

// Head is where a ledger ends.
type Head struct {
	Entries int    `json:"entries"`
	SHA256  string `json:"sha256"` // of the last line, without its line end; of an empty ledger zeros
}
