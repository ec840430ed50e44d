// Package site writes static pages over all runs: an overview of each client,
// the calendar of nights, a page for each patch over all clients, a page for
// each run, and a search. They need no server: they work from the file system,
// and without scripts but for the search.
package site

import (
	"context"
	"errors"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// Options say what the site is made of.
type Options struct {
	Entries []ledger.Entry // all of them, newest first
	// RunDir finds the folder of a run's record; "" when it is no longer
	// kept: then the site has what the ledger says of it.
	RunDir func(e ledger.Entry) string
	Title  string // "patchlab" when empty
	Now    time.Time
	// Report writes a run's own page from its record.
	Report func(dir string, rec *lab.Record) ([]byte, error)
}

// Written is what Write made.
type Written struct {
	Pages int
	Runs  int
}

// Write writes the site to the folder out, which is made. What it wrote
// before is replaced, and what is no longer of it removed; a folder that holds
// other things is refused with a *lab.UsageError. Pages of runs that have not
// changed are left as they are.
func Write(ctx context.Context, out string, o Options) (*Written, error) {
	return nil, errors.New("not built")
}
