package site

import (
	"strconv"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// Longest texts that are shown, in bytes.
const (
	longestWord   = 160
	longestReason = 400
)

func word(s string) string     { return lab.Printable(s, longestWord) }
func sentence(s string) string { return lab.Printable(s, longestReason) }
func itoa(n int) string        { return strconv.Itoa(n) }

// history is all that the ledger says, arranged for pages. Lists are newest
// first, but for clients and labs, which are by name. All texts are printable.
type history struct {
	now     time.Time
	runs    []*run
	clients []*client
	labs    []*labRuns
	patches []*patchRuns
	days    []*day
}

// run is one run.
type run struct {
	ID, Page, Reason, Host string
	Verdict                lab.Verdict
	When                   time.Time
	Seconds                float64
	Weak                   []string
	Lab                    *labRuns
	Patch                  *patchRuns
	PatchName              string // as this run had it
	Pruned                 time.Time
	entry                  *ledger.Entry
}

// client is one client, "" for the labs of none.
type client struct {
	Name, Page string
	Labs       []*labRuns
	Counts     counts // of the last 30 days
}

// labRuns is a lab with its runs.
type labRuns struct {
	Name, Page string
	Client     *client
	Runs       []*run
	Decisions  []*decision
	LastPass   *run
	Counts     counts // of the last 30 days
}

// day is a day with its runs.
type day struct {
	Date   time.Time // midnight
	Page   string
	Runs   []*run
	Counts counts
}

// decision is what somebody decided.
type decision struct {
	Approved   bool
	By, Reason string
	When       time.Time
	Until      time.Time // zero: no end of its own
	Over       bool      // it was an approval until then
	Lab        *labRuns
	Patch      *patchRuns
	PatchName  string
}
