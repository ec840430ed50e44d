package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Compare writes what is different between two runs, for a terminal: A and B
// beside each other, then a section for each thing that is other, and the
// names of those that are the same in one line. Ids and times of the runs are
// other in any case and no difference. What only one of the records knows,
// because the other is older than the field, is not called different.
func Compare(w io.Writer, a, b *lab.Record) error {
	t := &text{w: &stickyWriter{w: w}}
	t.sides(a, b)
	var same []string
	different := false
	for _, s := range sections(a, b) {
		switch {
		case s.void:
		case len(s.rows) == 0:
			same = append(same, s.name)
		default:
			different = true
			fmt.Fprintln(t.w, orElse(s.title, s.name))
			t.table(someRows(s.rows))
		}
	}
	if !different {
		fmt.Fprintln(t.w, "nothing is different")
	}
	fmt.Fprintf(t.w, "the same: %s\n", orElse(strings.Join(same, ", "), "nothing"))
	return t.w.err
}

// section is one thing that two runs may differ in; without rows they do not.
type section struct {
	name  string
	title string // above the rows; empty: the name
	void  bool   // there is nothing to compare
	rows  [][]string
}

func sections(a, b *lab.Record) []section {
	return []section{
		{name: "verdict and reason", rows: pairs(
			"verdict", string(a.Verdict), string(b.Verdict),
			"reason", a.Reason, b.Reason)},
		{name: "patch", rows: patchRows(a.Patch, b.Patch)},
		{name: "lab definition", rows: definitionRows(a.Definition, b.Definition), void: a.Definition.SHA256+b.Definition.SHA256 == ""},
		{name: "machines", rows: machineRows(a, b)},
		{name: "checks", title: "checks of one run alone", rows: checkRows(a, b)},
		{name: "classes of checks", title: "checks of another class", rows: classRows(a, b)},
		{name: "measurements", title: "measured, seconds (median)", rows: sampleRows(a, b), void: !measured(a, b)},
		{name: "changes by the patch", title: "changed by the patch in one run alone", rows: changeRows(a.Changes, b.Changes)},
		{name: "findings", title: "findings of one run alone", rows: lone(findingLines(a), findingLines(b))},
		{name: "ways out", title: "refused on the way out in one run alone", rows: lone(egressLines(a), egressLines(b))},
		{name: "back-out", rows: backoutRows(a, b), void: a.Backout == nil && b.Backout == nil},
		{name: "control arm", rows: pairs("mode", a.Control.Mode, b.Control.Mode), void: a.Control.Mode == "" || b.Control.Mode == ""},
		{name: "ready state", rows: pairs("key", a.Ready.Key, b.Ready.Key), void: a.Ready.Key == "" || b.Ready.Key == ""},
		{name: "receipt", rows: pairs("revert proven", fmt.Sprint(a.Reverted), fmt.Sprint(b.Reverted))},
		{name: "durations", rows: durationRows(a, b)},
		{name: "tools", rows: toolRows(a.Tool, b.Tool)},
	}
}

// sides writes both runs beside each other.
func (t *text) sides(a, b *lab.Record) {
	rows := [][]string{{"", "A", "B"}}
	for _, line := range []struct {
		name string
		of   func(*lab.Record) string
	}{
		{"run", func(r *lab.Record) string { return r.Run }},
		{"lab", func(r *lab.Record) string { return r.Lab }},
		{"patch", func(r *lab.Record) string { return r.Patch.Name }},
		{"verdict", func(r *lab.Record) string { return string(r.Verdict) }},
		{"started", func(r *lab.Record) string { return r.Started.UTC().Format("2006-01-02 15:04:05") }},
		{"took", func(r *lab.Record) string { return seconds(r.Seconds) }},
	} {
		rows = append(rows, []string{line.name, lab.Printable(line.of(a), 64), lab.Printable(line.of(b), 64)})
	}
	t.table(rows)
}

const mostRows = 40 // of one section

// someRows is rows with the last ones counted instead of shown.
func someRows(rows [][]string) [][]string {
	if more := len(rows) - mostRows; more > 0 {
		return append(slices.Clone(rows[:mostRows]), []string{fmt.Sprintf("and %d more in the records", more)})
	}
	return rows
}

// pairs takes name, A's and B's value in turns, and returns those that differ.
// Hashes are cut to what people compare only after they are compared; what is
// too long for one line gets two.
func pairs(values ...string) [][]string {
	var rows [][]string
	for v := range slices.Chunk(values, 3) {
		if v[1] == v[2] {
			continue
		}
		a, b := orElse(short(v[1]), "none"), orElse(short(v[2]), "none")
		if a == b { // the start of the hashes
			a, b = v[1], v[2]
		}
		if len(a)+len(b) > 120 {
			rows = append(rows, []string{v[0], "A: " + a}, []string{"", "B: " + b})
			continue
		}
		rows = append(rows, []string{v[0], a + " → " + b})
	}
	return rows
}

// lone lists the lines that are in one of a and b alone, A's first.
func lone(a, b []string) [][]string {
	var rows [][]string
	for _, side := range []struct {
		name        string
		have, other []string
	}{{"A", a, b}, {"B", b, a}} {
		there := map[string]bool{}
		for _, line := range side.other {
			there[line] = true
		}
		for _, line := range side.have {
			if !there[line] {
				rows = append(rows, []string{"only " + side.name, line})
			}
		}
	}
	return rows
}

// short is s with a hash at its start as people compare it.
func short(s string) string {
	hash, rest, _ := strings.Cut(s, " ")
	if len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
		return s
	}
	return strings.TrimSpace(hash[:16] + " " + rest)
}
