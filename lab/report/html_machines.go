package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	mostMachines = 100
	mostPackages = 40 // of one machine
	mostEgress   = 100
)

// machinesPart is what became of the patch on each machine.
type machinesPart struct {
	Rows       []machineRow
	More       int
	Waves      bool // there was more than one
	Spared     []string
	MoreSpared int
}

type machineRow struct {
	Name, Wave   string
	Status       badge
	Notes        []string
	Packages     []string
	MorePackages int
}

func newMachines(r *lab.Record) machinesPart {
	shown, more := first(r.Machines, mostMachines)
	p := machinesPart{More: more}
	p.Spared, p.MoreSpared = first(r.Spared, mostNotes)
	for _, m := range shown {
		row := machineRow{Name: m.Name, Status: badge{Word: "not a target"}}
		if m.Wave > 0 {
			row.Wave = fmt.Sprint(m.Wave)
		}
		p.Waves = p.Waves || m.Wave > 1
		if m.Target || m.Outcome != nil {
			row.Status = outcomeBadge(m.Outcome, slices.Contains(r.Spared, m.Name))
			row.Notes = notes(m)
		}
		if m.Outcome != nil {
			row.Packages, row.MorePackages = packages(m.Outcome.Packages)
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// notes are the lines about a machine, with those of the parts of a batch.
func notes(m lab.MachineRecord) (out []string) {
	for _, n := range machineNotes(m) {
		if n != "" {
			out = append(out, line(n))
		}
	}
	if m.Outcome == nil {
		return out
	}
	parts, more := first(m.Outcome.Parts, mostNotes)
	for _, part := range parts {
		out = append(out, line(fmt.Sprintf("part %s: %s, %s", part.Patch, part.Status, part.Message)))
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more parts in the record", more))
	}
	return out
}

func outcomeBadge(o *lab.PatchOutcome, spared bool) badge {
	switch {
	case o == nil && spared:
		return badge{"note", "spared"}
	case o == nil:
		return badge{"inconclusive", "! no outcome"}
	}
	switch o.Status {
	case lab.Applied:
		return badge{"pass", "✓ applied"}
	case lab.PatchFailed:
		return badge{"fail", "✗ failed"}
	}
	return badge{"note", orNone(string(o.Status), "not known")}
}

// packages are changes of packages, a line each.
func packages(list []lab.PackageChange) (out []string, more int) {
	shown, more := first(list, mostPackages)
	for _, p := range shown {
		switch {
		case p.From == "":
			out = append(out, p.Name+": new ("+p.To+")")
		case p.To == "":
			out = append(out, p.Name+": gone ("+p.From+")")
		default:
			out = append(out, p.Name+": "+p.From+" → "+p.To)
		}
	}
	return out, more
}

// egressPart is what the machines tried to reach outside.
type egressPart struct {
	Rows []egressRow
	More int
}

type egressRow struct {
	Who, Protocol, To, When string
	Count                   int
}

func newEgress(r *lab.Record) egressPart {
	shown, more := first(r.Egress, mostEgress)
	p := egressPart{More: more}
	for _, a := range shown {
		row := egressRow{Who: a.Machine, Protocol: a.Protocol, To: a.To, Count: a.Count, When: clock(a.First)}
		if row.Who == "" {
			row.Who = line(a.Source.String())
		}
		if last := clock(a.Last); last != row.When {
			row.When += " to " + last
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// clock is the time of day of t.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("15:04:05")
}
