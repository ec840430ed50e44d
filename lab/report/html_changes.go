package report

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	mostStates = 400 // changes on the page
	openRows   = 30  // changes of one machine that are shown from the start
	openDiffs  = 6   // differences that are shown from the start,
	openDiff   = 40  // if they have no more lines
	mostNotes  = 60  // lines of other lists
)

// changesPart is what is other on the machines after the patch.
type changesPart struct {
	Machines []machineChanges
	More     int
	Noise    int
	Gaps     []string
	MoreGaps int
}

// machineChanges are the changes of one machine: the first, and the others.
type machineChanges struct {
	Machine     string
	Total       int
	Rows, Later []changeRow
}

type changeRow struct {
	Kind, Name, What string
	Diff             []diffLine
	Open             bool // the difference is shown from the start
}

// diffLine is a line of a difference; its class is "add", "del", "at" or none.
type diffLine struct{ Class, Text string }

func newChanges(r *lab.Record, text *budget) changesPart {
	p := changesPart{Noise: r.Noise}
	p.Machines, p.More = byMachine(r.Changes, text)
	p.Gaps, p.MoreGaps = first(r.Gaps, mostNotes)
	return p
}

// byMachine groups changes, in their order, and says how many are left out.
func byMachine(changes []lab.StateChange, text *budget) (out []machineChanges, more int) {
	shown, more := first(changes, mostStates)
	at, opened := map[string]int{}, 0
	for _, c := range shown {
		i, known := at[c.Machine]
		if !known {
			i = len(out)
			at[c.Machine] = i
			out = append(out, machineChanges{Machine: orNone(c.Machine, "no machine")})
		}
		m := &out[i]
		m.Total++
		row := changeRow{Kind: string(c.Kind), Name: c.Name, What: what(c), Diff: diffLines(text.take(c.Diff))}
		if n := len(row.Diff); n > 0 && n <= openDiff && opened < openDiffs {
			row.Open = true
			opened++
		}
		if m.Total <= openRows {
			m.Rows = append(m.Rows, row)
		} else {
			m.Later = append(m.Later, row)
		}
	}
	return out, more
}

// what is a change without its kind and name.
func what(c lab.StateChange) string {
	return strings.TrimPrefix(c.String(), fmt.Sprintf("%s %s: ", c.Kind, c.Name))
}

func diffLines(diff string) (out []diffLine) {
	for l := range strings.Lines(diff) {
		class := ""
		switch {
		case strings.HasPrefix(l, "+++"), strings.HasPrefix(l, "---"), strings.HasPrefix(l, "@@"):
			class = "at"
		case strings.HasPrefix(l, "+"):
			class = "add"
		case strings.HasPrefix(l, "-"):
			class = "del"
		}
		out = append(out, diffLine{class, strings.TrimRight(l, "\n")})
	}
	return out
}

// backoutPart is the proof that the patch can be taken out, or its failure.
type backoutPart struct {
	Result   badge
	Reason   string
	Took     string
	Machines []backoutRow
	More     int
	Left     []machineChanges
	MoreLeft int
}

type backoutRow struct {
	Name, Took, Message string
	Status              badge
	Packages            []string
	MorePackages        int
}

func backoutBadge(b lab.BackoutResult) badge {
	switch b {
	case lab.BackedOutClean:
		return badge{"pass", "✓ clean"}
	case lab.BackedOutLeaves:
		return badge{"inconclusive", "! leaves something"}
	case lab.BackedOutBroken:
		return badge{"fail", "✗ broken"}
	case lab.NoBackout:
		return badge{"fail", "✗ cannot"}
	case lab.BackoutNotTried:
		return badge{"inconclusive", "! not tried"}
	}
	return badge{"", orNone(string(b), "no result")}
}

func newBackout(r *lab.Record, text *budget) *backoutPart {
	b := r.Backout
	if b == nil {
		return nil
	}
	p := &backoutPart{Result: backoutBadge(b.Result), Reason: b.Reason}
	if b.Seconds > 0 {
		p.Took = span(b.Seconds)
	}
	p.Left, p.MoreLeft = byMachine(b.Left, text)
	shown, more := first(b.Machines, mostNotes)
	p.More = more
	for _, m := range shown {
		row := backoutRow{Name: m.Name, Took: span(m.Seconds), Message: m.Message, Status: takenBadge(m.Status)}
		row.Packages, row.MorePackages = packages(m.Packages)
		p.Machines = append(p.Machines, row)
	}
	return p
}

func takenBadge(s lab.BackoutStatus) badge {
	switch s {
	case lab.TakenOut:
		return badge{"pass", "✓ " + string(s)}
	case lab.CannotTakeOut, lab.BackoutFailed:
		return badge{"fail", "✗ " + string(s)}
	}
	return badge{"", orNone(string(s), "not known")}
}
