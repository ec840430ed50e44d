package ledger

import (
	"errors"
	"time"
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

	// atStep is called at each step of a write; nil but in tests.
	atStep func(step string) error
}

// ErrTampered says that the ledger, or a run record, is not as it was written.
var ErrTampered = errors.New("altered after it was written")
