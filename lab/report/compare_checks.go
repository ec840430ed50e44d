package report

import (
	"fmt"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// both are the checks by name that two runs have, in A's order.
func both(a, b *lab.Record) [][2]lab.CheckRecord {
	was, is := checksByName(a), checksByName(b)
	var out [][2]lab.CheckRecord
	for _, c := range a.Checks {
		if d, there := is[c.Name]; there {
			out = append(out, [2]lab.CheckRecord{was[c.Name], d})
		}
	}
	return out
}

func checksByName(r *lab.Record) map[string]lab.CheckRecord {
	out := map[string]lab.CheckRecord{}
	for _, c := range r.Checks {
		if _, there := out[c.Name]; !there {
			out[c.Name] = c
		}
	}
	return out
}

// classRows list the checks whose class is other, with what was seen in B, or
// in A where B has nothing to say.
func classRows(a, b *lab.Record) [][]string {
	var rows [][]string
	for _, c := range both(a, b) {
		if c[0].Class != c[1].Class {
			rows = append(rows, []string{
				c[0].Name, string(c[0].Class) + " → " + string(c[1].Class), orElse(c[1].Message, c[0].Message),
			})
		}
	}
	return rows
}

// checkRows list the checks that only one run has.
func checkRows(a, b *lab.Record) [][]string {
	lines := func(r *lab.Record) []string {
		out := make([]string, len(r.Checks))
		for i, c := range r.Checks {
			out[i] = c.Name
		}
		return out
	}
	rows := lone(lines(a), lines(b))
	of := map[string]map[string]lab.CheckRecord{"only A": checksByName(a), "only B": checksByName(b)}
	for i, row := range rows {
		c := of[row[0]][row[1]]
		rows[i] = append(row, string(c.Class), c.Message)
	}
	return rows
}

// measured reports whether some check measured something in both runs.
func measured(a, b *lab.Record) bool {
	for _, c := range both(a, b) {
		for arm, res := range c[0].Arms {
			if len(res.Samples) > 0 && len(c[1].Arms[arm].Samples) > 0 {
				return true
			}
		}
	}
	return false
}

// sampleRows compare what a check measured in both runs, arm by arm. Nothing
// is measured twice alike: less than a millisecond or a tenth is no
// difference.
func sampleRows(a, b *lab.Record) [][]string {
	var rows [][]string
	for _, c := range both(a, b) {
		for _, arm := range armsOf(c[0]) {
			was, is := c[0].Arms[arm].Samples, c[1].Arms[arm].Samples
			if len(was) == 0 || len(is) == 0 {
				continue
			}
			from, to := median(was), median(is)
			if d := max(from-to, to-from); d < 0.001 || d < max(from, to)/10 {
				continue
			}
			line := fmt.Sprintf("%.3f → %.3f", from, to)
			if from > 0 {
				line += fmt.Sprintf(" (%.1f×)", to/from)
			}
			rows = append(rows, []string{c[0].Name, string(arm), line})
		}
	}
	return rows
}

// median of all, which is not empty.
func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
