package report

import (
	"html/template"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const mostFindings = 40 // on the page

// findingPart is a fault with what there is to see of it.
type findingPart struct {
	Blame     badge
	Place     string // arm and machine
	Condition string
	Summary   string
	Picture   template.URL // empty: there is none
	Alt       string
	Texts     []tailPart
	Missing   []string // what the record names and its folder does not hold
}

// tailPart is the end of a log or of a command's output.
type tailPart struct{ Name, Text string }

func newFindings(r *lab.Record, m *media, text *budget) ([]findingPart, int) {
	sorted := slices.Clone(r.Findings)
	slices.SortStableFunc(sorted, func(a, b lab.Finding) int { return findingRank(a) - findingRank(b) })
	shown, more := first(sorted, mostFindings)
	var out []findingPart
	for _, f := range shown {
		part := findingPart{Blame: blame(f), Summary: f.Summary, Condition: string(f.Condition)}
		part.Place = string(f.Arm)
		if f.Machine != "" {
			part.Place = strings.TrimPrefix(part.Place+" arm, "+f.Machine, " arm, ")
		} else if f.Arm != "" {
			part.Place += " arm"
		}
		part.addPicture(f, m)
		part.addTexts(f, consoleOf(r, f), m, text)
		out = append(out, part)
	}
	return out, more
}

// findingRank puts what decided the verdict first.
func findingRank(f lab.Finding) int {
	switch {
	case f.Warning:
		return 3
	case f.Host:
		return 0
	case f.Patch:
		return 1
	}
	return 2
}

func blame(f lab.Finding) badge {
	switch {
	case f.Warning:
		return badge{"note", "warning"}
	case f.Host:
		return badge{"inconclusive", "! this host is at fault"}
	case f.Patch:
		return badge{"fail", "✗ the patch is at fault"}
	}
	return badge{"inconclusive", "! the lab is at fault"}
}

func (p *findingPart) addPicture(f lab.Finding, m *media) {
	if f.Screenshot == "" {
		return
	}
	picture, err := m.picture(f.Screenshot)
	if err != nil {
		p.Missing = append(p.Missing, f.Screenshot+": "+line(err.Error()))
		return
	}
	p.Picture = picture
	p.Alt = "The display of " + orNone(f.Machine, "the machine") + " when it was looked at"
}

// consoleOf is the console of a finding's machine, where it has none of its
// own: it is of the patched arm.
func consoleOf(r *lab.Record, f lab.Finding) string {
	if f.Warning || f.Arm != lab.ArmPatched {
		return ""
	}
	for _, m := range r.Machines {
		if m.Name == f.Machine {
			return m.Console
		}
	}
	return ""
}

// addTexts adds what the finding says itself, and the ends of its log and its
// machine's console, each log once on the page.
func (p *findingPart) addTexts(f lab.Finding, console string, m *media, text *budget) {
	var logs []tailPart
	for _, path := range []string{f.Log, console} {
		if path == "" || !m.once(path) {
			continue
		}
		tail, err := m.tail(path)
		if err != nil {
			p.Missing = append(p.Missing, path+": "+line(err.Error()))
			continue
		}
		logs = append(logs, tailPart{"The end of " + path, tail})
	}
	inLog := func(t tailPart) bool { return strings.Contains(t.Text, lastLine(f.Tail)) }
	if f.Tail != "" && !slices.ContainsFunc(logs, inLog) {
		logs = append([]tailPart{{"What was printed last", f.Tail}}, logs...)
	}
	for _, t := range logs {
		t.Text = text.take(orNone(t.Text, "(it is empty)"))
		p.Texts = append(p.Texts, t)
	}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:])
}
