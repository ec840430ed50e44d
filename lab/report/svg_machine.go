package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// machineBox is a machine. Its lines stand below each other.
type machineBox struct {
	X, Y, W, H int
	Inner      int    // what is right of it is clipped
	Class      string // of "patched", and "broke" or "seen" (a regression, from here)
	Title      string
	Lines      []boxLine
}

// boxLine is a line of a box; its class says how it looks.
type boxLine struct {
	Y           int
	Class, Text string
}

// checksFrom is what became of the checks made from a place, and whether that
// is "good" or "bad".
func checksFrom(r *lab.Record, place, where string) (words, tone string) {
	all, regressions, unsound := 0, 0, 0
	for _, c := range r.Checks {
		switch {
		case c.From != place:
			continue
		case c.Class == lab.ClassRegression:
			regressions++
		case c.Class != lab.ClassOK && c.Class != lab.ClassFixed:
			unsound++
		}
		all++
	}
	switch {
	case all == 0:
		return "", ""
	case regressions > 0:
		words, tone = "✗ "+count(regressions, "regression"), "bad"
	case unsound > 0:
		words, tone = "! "+count(unsound, "check")+" not sound", "doubt"
	default:
		words, tone = "✓ "+count(all, "check")+" ok", "good"
	}
	return strings.TrimSpace(words + " " + where), tone
}

// broke is what ails a machine by the findings of the patched arms; empty when
// nothing does.
func broke(r *lab.Record, m lab.MachineRecord) string {
	for _, f := range r.Findings {
		switch {
		case f.Machine != m.Name || f.Warning || f.Host:
			continue
		case f.Condition != "" && f.Condition != lab.Healthy:
			return "✗ broke: " + string(f.Condition)
		case f.Patch:
			return "✗ broke, see the findings"
		default:
			return "! trouble, see the findings"
		}
	}
	return ""
}

func boxClass(r *lab.Record, m lab.MachineRecord) string {
	_, tone := checksFrom(r, m.Name, "")
	var classes []string
	if m.Outcome != nil && m.Outcome.Status == lab.Applied {
		classes = append(classes, "patched")
	}
	switch {
	case m.Outcome != nil && m.Outcome.Status == lab.PatchFailed, strings.HasPrefix(broke(r, m), "✗"):
		classes = append(classes, "broke")
	case tone == "bad":
		classes = append(classes, "seen")
	}
	return strings.Join(classes, " ")
}

const mostAddresses = 4 // lines of addresses in one box

// boxLines are the lines of a machine's box, without their places.
func boxLines(r *lab.Record, m lab.MachineRecord) []boxLine {
	out := []boxLine{{Class: "name", Text: m.Name}}
	system, _, _ := strings.Cut(orNone(m.System, string(m.OS)), ", kernel")
	if system, _, _ = strings.Cut(system, " ("); system != "" {
		out = append(out, boxLine{Class: "os", Text: system})
	}
	nics, more := first(m.NICs, mostAddresses)
	for _, n := range nics {
		text := orNone(n.Address, "DHCP")
		if len(m.NICs) > 1 {
			text += " " + n.Network
		}
		if len(n.Names) > 0 {
			text += " " + strings.Join(n.Names[:min(8, len(n.Names))], " ")
		}
		out = append(out, boxLine{Class: "address", Text: text})
	}
	if more > 0 {
		out = append(out, boxLine{Class: "os", Text: fmt.Sprintf("and %d more", more)})
	}
	return append(out, marks(r, m)...)
}

// marks say what became of a machine: a sign and words, and a colour.
func marks(r *lab.Record, m lab.MachineRecord) (out []boxLine) {
	if o := m.Outcome; o != nil {
		text, class := "◆ patched", "patched"
		if m.Wave > 1 || laterWaves(r) {
			text += fmt.Sprintf(" in wave %d", m.Wave)
		}
		switch o.Status {
		case lab.Applied:
		case lab.PatchFailed:
			text, class = "✗ the patch failed here", "bad"
		default:
			text, class = "◇ "+string(o.Status), "quiet"
		}
		out = append(out, boxLine{Class: class, Text: text})
	} else if slices.Contains(r.Spared, m.Name) {
		out = append(out, boxLine{Class: "quiet", Text: "◇ spared"})
	} else if m.Target {
		out = append(out, boxLine{Class: "quiet", Text: "◇ target, no outcome"})
	}
	if text := broke(r, m); text != "" {
		class := "doubt"
		if strings.HasPrefix(text, "✗") {
			class = "bad"
		}
		out = append(out, boxLine{Class: class, Text: text})
	}
	if text, tone := checksFrom(r, m.Name, ""); text != "" {
		out = append(out, boxLine{Class: tone, Text: text})
	}
	return out
}

// laterWaves reports whether there was more than one wave.
func laterWaves(r *lab.Record) bool {
	return len(r.Spared) > 0 || slices.ContainsFunc(r.Machines, func(m lab.MachineRecord) bool { return m.Wave > 1 })
}
