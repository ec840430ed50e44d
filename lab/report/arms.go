package report

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// arms writes where the instances came from, and how the control arm was made
// when it was not beside the patched one.
func (t *text) arms(r *lab.Record) {
	switch {
	case r.Ready.Key == "": // there is none
	case r.Ready.Built:
		fmt.Fprintf(t.w, "ready state: built in %.0f s\n", r.Ready.Seconds)
	default:
		fmt.Fprintf(t.w, "ready state: reused, of %s\n", r.Ready.Created.Format("2006-01-02 15:04"))
	}
	if c := r.Control; c.Mode != "" && c.Mode != "concurrent" {
		line := "control: " + c.Mode
		switch {
		case c.Mode == "off" && c.Reason != "":
			line += " (" + c.Reason + ")"
		case c.Reason != "":
			line += ", because " + c.Reason
		}
		fmt.Fprintln(t.w, lab.Printable(line, 400))
	}
}

// evidence is what there is of a finding beyond its words: what ails the
// machine, and the paths of its display's picture and its log.
func evidence(f lab.Finding) string {
	var parts []string
	for _, p := range [][2]string{{"condition", string(f.Condition)}, {"display", f.Screenshot}, {"log", f.Log}} {
		if p[1] != "" {
			parts = append(parts, p[0]+": "+p[1])
		}
	}
	return strings.Join(parts, ", ")
}

// receipt is the revert receipt in one line.
func receipt(r *lab.Record) string {
	rec := r.Receipt
	switch {
	case !rec.Proven:
		problem := "the receipt does not say why"
		if len(rec.Problems) > 0 {
			problem = rec.Problems[0]
		}
		if more := len(rec.Problems) - 1; more > 0 {
			problem += fmt.Sprintf(" (and %d more in the record)", more)
		}
		return "reverted: NOT PROVEN: " + problem + "; patchlab gc removes what is left"
	case len(rec.Instances) == 0:
		return "reverted: no instance was made, so nothing is left"
	}
	return fmt.Sprintf("reverted: nonce equal on %s, no marker left, %s unchanged (%s), processes and folders gone",
		count(len(r.Machines), "machine"), count(rec.Files, "file"), rec.Check)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
