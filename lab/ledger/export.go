package ledger

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Formats of Export.
const (
	ExportApt     = "apt"     // apt_preferences(5): the approved versions are wanted, others of the same packages are not
	ExportAnsible = "ansible" // a YAML file of variables
	ExportWSUS    = "wsus"    // a PowerShell script that approves the updates on a WSUS server
	ExportCSV     = "csv"     // RFC 4180
)

// Export writes the approved set in one of the formats. What a format cannot
// say (a script in apt's) is named in a comment, never left out in silence. So
// is, in those that go by version or number alone, what was released again
// under the same with other bytes that failed or were rejected.
// Errors: *lab.UsageError for another format; w's, then what was written is
// of no use.
func Export(w io.Writer, format, labName string, set Set) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	s := approvedSet{
		lab: labName, host: host, at: time.Now(),
		entries: set.Approved, against: set.Against, packages: set.Packages,
	}
	return s.export(w, format)
}

// approvedSet is what goes out to a lab's client, and since when it is so.
type approvedSet struct {
	lab, host string
	at        time.Time
	entries   []Entry
	against   []Entry
	packages  []string
}

// released returns what stands against a release of f's version or number with
// other bytes; same reports whether a file of an entry is one. Empty: nothing.
func (s approvedSet) released(f lab.FileRecord, same func(Entry, lab.FileRecord) bool) string {
	for _, x := range s.against {
		for _, other := range filesOut(x) {
			if other.SHA256 != f.SHA256 && same(x, other) {
				return fmt.Sprintf("it was released with other bytes too (%s), which %s", lab.Printable(other.SHA256, 64), tell(&x))
			}
		}
	}
	return ""
}

func (s approvedSet) export(w io.Writer, format string) error {
	s.entries = slices.DeleteFunc(slices.Clone(s.entries), func(e Entry) bool { return e.Patch == nil })
	formats := map[string]func(*bytes.Buffer, approvedSet) error{
		ExportApt: writeApt, ExportAnsible: writeAnsible, ExportWSUS: writeWSUS, ExportCSV: writeCSV,
	}
	write := formats[format]
	if write == nil {
		return &lab.UsageError{Err: fmt.Errorf("there is no format %q for the approved set: it is apt, ansible, wsus or csv", lab.Printable(format, longName))}
	}
	var out bytes.Buffer // so that a fault in the middle writes nothing
	if err := write(&out, s); err != nil {
		return fmt.Errorf("cannot make the approved set as %s: %w", format, err)
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("cannot write the approved set: %w", err)
	}
	return nil
}

// heading says what the file is, for a comment.
func (s approvedSet) heading() []string {
	lines := []string{fmt.Sprintf("What may go out to lab %q, as patchlab says on host %s at %s.",
		lab.Printable(s.lab, longName), lab.Printable(s.host, longName), stamp(s.at))}
	switch len(s.entries) {
	case 0:
		return append(lines, "Nothing is approved.")
	case 1:
		return append(lines, "1 patch is approved.")
	}
	return append(lines, fmt.Sprintf("%d patches are approved.", len(s.entries)))
}

// comment writes lines, each of which is one line, as a comment.
func comment(out *bytes.Buffer, lines ...string) {
	for _, line := range lines {
		fmt.Fprintf(out, "# %s\n", lab.Printable(line, 0))
	}
}

// filesOut are the files of e that go out.
func filesOut(e Entry) (list []lab.FileRecord) {
	for _, f := range e.Patch.Files {
		if !f.Beside {
			list = append(list, f)
		}
	}
	return list
}

// basis says what e rests on: "run 20261123-…", "approved by jane".
func basis(e Entry) string {
	if e.Kind == Run && e.Run != nil {
		return "run " + lab.Printable(e.Run.ID, longName)
	}
	return "approved by " + deciders(&e)
}

// endOf is when an approval ends; zero: it has no end of its own.
func endOf(e Entry) time.Time {
	if e.Kind == Approve && e.Decision != nil {
		return e.Decision.Until
	}
	return time.Time{}
}

// rfc3339 is t for machines; empty for the zero time.
func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// fileOf describes f of e for a comment: patch, file and hash.
func fileOf(e Entry, f lab.FileRecord) string {
	return fmt.Sprintf("patch %q (%s): %s, SHA-256 %s", lab.Printable(e.Patch.Name, longName),
		lab.Printable(string(e.Patch.Kind), longName), lab.Printable(f.Name, longName), lab.Printable(f.SHA256, 64))
}

// isInstalled reports whether e is of something that was installed, and not of
// files that replace others, whatever they are called.
func isInstalled(e Entry) bool { return e.Patch.Kind != lab.PatchFile }

// hasSuffix reports whether f is called so, in any case.
func hasSuffix(f lab.FileRecord, suffixes ...string) bool {
	return slices.Contains(suffixes, strings.ToLower(filepath.Ext(f.Name)))
}
