// Package site writes static pages over all runs: an overview of each client,
// the calendar of nights, a page for each patch over all clients, a page for
// each run, and a search. They need no server: they work from the file system,
// and without scripts but for the search.
//
// What the pages are made of is the ledger; a run's own page is the report of
// its record, as long as that is kept. Days are those of Options.Now's time
// zone. Pages are as readable as the umask allows, since they are written to
// be shown; whoever may not read them all gets another folder.
//
//	index.html, client/…    the labs by client, with the last run of each patch
//	lab/…                   all runs of a lab, and the decisions on it
//	calendar.html, calendar/…, day/…
//	patches.html, patch/…   by name; and by bytes, over all clients
//	run/<lab>/<run>.html
//	search.html             with search.js and search-data.js
//	.patchlab-site.json     what of the folder is the site, and what it was made of
//
// Files of others beside these stay as they are.
package site

import (
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// Options say what the site is made of.
type Options struct {
	Entries []ledger.Entry // all of them, newest first
	// RunDir finds the folder of a run's record; "" when it is no longer
	// kept: then the site has what the ledger says of it. It is called by
	// several goroutines at once.
	RunDir func(e ledger.Entry) string
	Title  string // "patchlab" when empty
	// Now is the time of the overview: how long ago a pass was, and which are
	// the last 30 days. Its location is the pages' time zone.
	Now time.Time
	// Report writes a run's own page from its record. It is called by several
	// goroutines at once.
	Report func(dir string, rec *lab.Record) ([]byte, error)
	// Version is that of the program: pages that another one wrote are
	// written again.
	Version string
}

// Written is what Write made.
type Written struct {
	Pages int // files of the site
	Runs  int // of these, pages of runs
	Fresh int // files that were written this time; the others were as they should be
	Gone  int // files that were removed
	// Problems are the runs whose record could not be shown, and why; their
	// pages have what the ledger says. Printable.
	Problems []string
}
