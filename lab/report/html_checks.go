package report

import (
	"fmt"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

const (
	mostChecks = 300 // on the page
	mostOpen   = 12  // evidence that is shown from the start
)

// checksPart is the table of the checks.
type checksPart struct {
	Arms []string // the columns
	// Columns is how many columns the evidence takes: all but the first.
	Columns int
	Rows    []checkRow
	More    int
}

type checkRow struct {
	Class               badge
	Name, What, Message string
	Warning             bool // it has no effect on the verdict
	Arms                []armCell
	Evidence            []armEvidence
	Open                bool // the evidence is shown from the start
}

// armCell is the outcome of a check in one arm.
type armCell struct{ Arm, Word, Tone string }

// armEvidence is what came back in one arm.
type armEvidence struct{ Arm, Word, About, Message, Text string }

// armColumns are the arms in which checks are made, in the order of the table.
func armColumns() []lab.Arm {
	return []lab.Arm{lab.ArmBaseline, lab.ArmControl, lab.ArmPatched, lab.ArmRerun, lab.ArmBackout}
}

// classRank orders checks: what matters most comes first.
func classRank(c lab.CheckRecord) int {
	order := []lab.Class{
		lab.ClassRegression, lab.ClassFlaky, lab.ClassRebootInduced, lab.ClassPreExisting, lab.ClassNotRun, lab.ClassFixed, lab.ClassOK,
	}
	rank := 2 * slices.Index(order, c.Class)
	if c.Severity == lab.Warning {
		rank++
	}
	return rank
}

func newChecks(r *lab.Record, text *budget) checksPart {
	sorted := slices.Clone(r.Checks)
	slices.SortStableFunc(sorted, func(a, b lab.CheckRecord) int { return classRank(a) - classRank(b) })
	shown, more := first(sorted, mostChecks)
	p := checksPart{More: more}
	var arms []lab.Arm
	for _, arm := range armColumns() {
		made := func(c lab.CheckRecord) bool { _, made := c.Arms[arm]; return made }
		if slices.ContainsFunc(shown, made) {
			arms = append(arms, arm)
			p.Arms = append(p.Arms, string(arm))
		}
	}
	p.Columns = len(arms) + 2
	for i, c := range shown {
		row := newCheckRow(c, arms, text)
		row.Open = i < mostOpen && c.Class != lab.ClassOK && c.Class != lab.ClassFixed
		p.Rows = append(p.Rows, row)
	}
	return p
}

func newCheckRow(c lab.CheckRecord, arms []lab.Arm, text *budget) checkRow {
	row := checkRow{
		Class: classBadge(c.Class), Name: c.Name, Message: c.Message, Warning: c.Severity == lab.Warning,
		What: fmt.Sprintf("%s, from %s", orNone(c.Kind, "check"), c.From),
	}
	seen := map[string]lab.Arm{}
	for _, arm := range arms {
		res, made := c.Arms[arm]
		if !made {
			row.Arms = append(row.Arms, armCell{string(arm), "–", "none"})
			continue
		}
		cell := armCell{string(arm), "✓ pass", "good"}
		if !res.Passed {
			cell = armCell{string(arm), "✗ fail", "bad"}
		}
		row.Arms = append(row.Arms, cell)
		row.Evidence = append(row.Evidence, newEvidence(cell, res, seen, text))
	}
	return row
}

// newEvidence is what is told of one arm's outcome. Seen holds the texts of
// the arms before: none is shown twice.
func newEvidence(cell armCell, res lab.CheckResult, seen map[string]lab.Arm, text *budget) armEvidence {
	e := armEvidence{
		Arm: cell.Arm, Word: cell.Word, Message: res.Message,
		About: fmt.Sprintf("%s, %s", count(res.Attempts, "attempt"), span(res.Seconds)),
	}
	if before, shown := seen[res.Evidence]; shown && res.Evidence != "" {
		e.About += fmt.Sprintf("; the same came back as in the %s arm", before)
		return e
	}
	seen[res.Evidence] = lab.Arm(cell.Arm)
	e.Text = text.take(res.Evidence)
	return e
}
