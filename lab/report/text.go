// Package report turns a run record into what people and programs read. It
// makes nothing up: all it knows is in the record. Whatever a machine printed
// is escaped here.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/patchlab/patchlab/lab"
)

// JSON writes the record as one JSON document.
func JSON(w io.Writer, r *lab.Record) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Text writes the short table for a terminal: each machine, where the ready
// state came from, each check with its class, what the patch changed, the
// findings, what the machines tried to reach outside, how the patch could be
// taken out, the verdict and the receipt in one line each, and
// where the record is. Colour is used only when asked for.
func Text(w io.Writer, r *lab.Record, colour bool) error {
	t := &text{w: &stickyWriter{w: w}, colour: colour}
	t.machines(r)
	t.arms(r)
	t.checks(r)
	t.changes(r)
	t.findings(r)
	t.egress(r)
	t.spared(r)
	t.backout(r)
	t.verdict(r)
	return t.w.err
}

type text struct {
	w      *stickyWriter
	colour bool
}

// stickyWriter remembers the first error, so that the rest can be plain
// prints.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(b []byte) (int, error) {
	if s.err == nil {
		_, s.err = s.w.Write(b)
	}
	return len(b), nil
}

// table writes rows with aligned columns, indented by two spaces.
func (t *text) table(rows [][]string) {
	tw := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = lab.Printable(row[i], 160)
		}
		fmt.Fprintln(tw, "  "+strings.Join(row, "\t"))
	}
	_ = tw.Flush() // the sticky writer keeps the error
}

func (t *text) machines(r *lab.Record) {
	var rows [][]string
	for _, m := range r.Machines {
		if !m.Target {
			continue
		}
		status := "not tried"
		if m.Outcome != nil {
			status = string(m.Outcome.Status)
		}
		notes := machineNotes(m)
		rows = append(rows, []string{m.Name, status, notes[0]})
		for _, note := range notes[1:] {
			rows = append(rows, []string{"", "", note})
		}
	}
	client := ""
	if r.Client != "" {
		client = " (" + lab.Printable(r.Client, 100) + ")"
	}
	fmt.Fprintf(t.w, "patch %s on lab %s%s\n", lab.Printable(r.Patch.Name, 100), lab.Printable(r.Lab, 64), client)
	t.table(rows)
}

func (t *text) checks(r *lab.Record) {
	fmt.Fprintln(t.w, "checks")
	var rows [][]string
	for _, c := range r.Checks {
		message := c.Message
		if control, made := c.Arms[lab.ArmControl]; made && c.Class == lab.ClassRebootInduced {
			message += "; without the patch: " + control.Message
		}
		rows = append(rows, []string{string(c.Class), c.Name, "from " + c.From, message})
	}
	t.table(rows)
}

func (t *text) findings(r *lab.Record) {
	if len(r.Findings) == 0 {
		return
	}
	fmt.Fprintln(t.w, "findings")
	for _, f := range r.Findings {
		fmt.Fprintf(t.w, "  %s\n", lab.Printable(f.Summary, 850)) // a cause, what was seen, and what became of it
		if seen := evidence(f); seen != "" {
			fmt.Fprintf(t.w, "    %s\n", lab.Printable(seen, 400))
		}
		for line := range strings.Lines(f.Tail) {
			fmt.Fprintf(t.w, "    | %s\n", lab.Printable(strings.TrimRight(line, "\r\n"), 160))
		}
	}
}

func (t *text) egress(r *lab.Record) {
	if len(r.Egress) == 0 {
		return
	}
	const most = 8
	fmt.Fprintln(t.w, "refused on the way out of the lab")
	var rows [][]string
	for _, a := range r.Egress[:min(most, len(r.Egress))] {
		who := a.Machine
		if who == "" {
			who = a.Source.String()
		}
		rows = append(rows, []string{who, a.Protocol, a.To, fmt.Sprintf("%d×", a.Count)})
	}
	t.table(rows)
	if more := len(r.Egress) - most; more > 0 {
		fmt.Fprintf(t.w, "  and %d more in the record\n", more)
	}
}

func (t *text) verdict(r *lab.Record) {
	fmt.Fprintf(t.w, "%s: %s\n%s\nrecord: %s\n", t.paint(r.Verdict), lab.Printable(r.Reason, 400), lab.Printable(receipt(r), 400), lab.Printable(r.Dir, 4096))
}

// paint gives the verdict's word, in colour where wanted.
func (t *text) paint(v lab.Verdict) string {
	word := lab.Printable(string(v), 64)
	if !t.colour {
		return word
	}
	codes := map[lab.Verdict]string{lab.Pass: "32", lab.Fail: "31", lab.Inconclusive: "33"}
	return "\x1b[1;" + codes[v] + "m" + word + "\x1b[0m"
}
