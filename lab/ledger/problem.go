package ledger

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Problem is something that Verify found.
type Problem struct {
	Ledger string `json:"ledger"` // "" is this host's own
	Seq    int    `json:"seq,omitempty"`
	Run    string `json:"run,omitempty"`  // <lab>/<run>
	File   string `json:"file,omitempty"` // below the ledger's folder, or below the run's where Run is set
	Text   string `json:"text"`

	gone bool // the run's folder is missing as a whole
}

// String is the problem in one printable line:
// `entry 12 of ledger 5f…, run dental/2026…, run.json: was altered`.
func (p Problem) String() string {
	var where []string
	if p.Seq > 0 {
		where = append(where, fmt.Sprintf("entry %d", p.Seq))
	}
	if p.Ledger != "" {
		where = append(where, "ledger "+p.Ledger)
	}
	if p.Run != "" {
		where = append(where, "run "+p.Run)
	}
	if p.File != "" && (p.Run != "" || p.File != linesFile) {
		where = append(where, p.File)
	}
	return lab.Printable(strings.Join(append(where, p.Text), ": "), 500)
}
