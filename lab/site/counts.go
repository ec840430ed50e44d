package site

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// counts are numbers of runs by verdict.
type counts struct{ Pass, Fail, Inconclusive int }

func (c *counts) add(r *run) {
	switch r.Verdict {
	case lab.Pass:
		c.Pass++
	case lab.Fail:
		c.Fail++
	default:
		c.Inconclusive++
	}
}

func (c *counts) join(o counts) {
	c.Pass, c.Fail, c.Inconclusive = c.Pass+o.Pass, c.Fail+o.Fail, c.Inconclusive+o.Inconclusive
}

// All is how many runs there are.
func (c counts) All() int { return c.Pass + c.Fail + c.Inconclusive }

// Worst is the verdict that needs to be seen first; empty without runs.
func (c counts) Worst() lab.Verdict {
	switch {
	case c.Fail > 0:
		return lab.Fail
	case c.Inconclusive > 0:
		return lab.Inconclusive
	case c.Pass > 0:
		return lab.Pass
	}
	return ""
}

// Words are the counts for who cannot see colours: "3 pass, 1 fail".
func (c counts) Words() string {
	var parts []string
	for _, p := range []struct {
		n int
		v lab.Verdict
	}{{c.Pass, lab.Pass}, {c.Fail, lab.Fail}, {c.Inconclusive, lab.Inconclusive}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.v))
		}
	}
	if len(parts) == 0 {
		return "no runs"
	}
	return strings.Join(parts, ", ")
}

func countOf(runs []*run) counts {
	var c counts
	for _, r := range runs {
		c.add(r)
	}
	return c
}

// stripRuns is how many runs a strip shows.
const stripRuns = 30

// strip is a picture of the last runs, the newest at the right: the higher a
// bar the worse, so that it says something without colours too.
type strip struct {
	Bars  []bar
	Words string
}

type bar struct {
	X, Y, Height int
	Verdict      lab.Verdict // empty: there is no run
}

// Width and height of a strip, in its own units.
const (
	stripStep   = 6
	stripHeight = 20
)

func stripOf(runs []*run) strip {
	runs = runs[:min(len(runs), stripRuns)]
	s := strip{Words: fmt.Sprintf("the last %s, newest at the right: %s", plural(len(runs), "run"), countOf(runs).Words())}
	for i := range stripRuns {
		b := bar{X: i * stripStep, Height: 2}
		if n := stripRuns - 1 - i; n < len(runs) {
			b.Verdict = runs[n].Verdict
			b.Height = map[lab.Verdict]int{lab.Pass: 8, lab.Inconclusive: 14, lab.Fail: stripHeight}[b.Verdict]
		}
		b.Y = stripHeight - b.Height
		s.Bars = append(s.Bars, b)
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
