package report

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// top is the head of the page: what everybody reads.
type top struct {
	Title, Heading string
	Lab, Run       string
	Verdict        badge
	Reason         string
	Facts          []fact
	Strip          []stripCell
}

// stripCell is one number of the summary.
type stripCell struct{ Name, Value, Tone string }

func newTop(r *lab.Record) top {
	client := orNone(r.Client, r.Lab)
	t := top{
		Title:   fmt.Sprintf("%s: %s on %s", orNone(string(r.Verdict), "no verdict"), r.Patch.Name, client),
		Heading: fmt.Sprintf("%s on %s", orNone(r.Patch.Name, "a patch without a name"), client),
		Lab:     r.Lab, Run: r.Run, Verdict: verdictBadge(r.Verdict), Reason: r.Reason,
		Facts: []fact{
			{Name: "Client", Value: orNone(r.Client, "not named")},
			{Name: "Lab", Value: r.Lab},
			{Name: "Tested", Value: moment(r.Started) + ", " + span(r.Seconds)},
			{Name: "Patch", Value: r.Patch.Name + " (" + orNone(string(r.Patch.Kind), "kind not recorded") + ")"},
			{Name: "SHA-256", Value: orNone(r.Patch.SHA256, "not recorded"), Hash: true},
		},
	}
	t.Strip = []stripCell{stripChecks(r), stripRegressions(r), stripMachines(r), stripChanges(r), stripBackout(r), stripReverted(r)}
	return t
}

func stripChecks(r *lab.Record) stripCell {
	ok := 0
	for _, c := range r.Checks {
		if c.Class == lab.ClassOK || c.Class == lab.ClassFixed {
			ok++
		}
	}
	cell := stripCell{"Checks ok", fmt.Sprintf("%d of %d", ok, len(r.Checks)), "pass"}
	if ok < len(r.Checks) || ok == 0 {
		cell.Tone = "inconclusive"
	}
	return cell
}

func stripRegressions(r *lab.Record) stripCell {
	n, warnings := 0, 0
	for _, c := range r.Checks {
		if c.Class != lab.ClassRegression {
			continue
		}
		n++
		if c.Severity == lab.Warning {
			warnings++
		}
	}
	switch {
	case n > 0 && n == warnings:
		return stripCell{"Regressions", fmt.Sprintf("%d, warning only", n), "inconclusive"}
	case n == 0 && r.Verdict == lab.Pass:
		return stripCell{"Regressions", "none", "pass"}
	case n == 0:
		return stripCell{Name: "Regressions", Value: "none seen"}
	}
	return stripCell{"Regressions", fmt.Sprint(n), "fail"}
}

func stripMachines(r *lab.Record) stripCell {
	targets, applied, idle := 0, 0, 0 // idle: those that had nothing to take
	for _, m := range r.Machines {
		switch {
		case !m.Target:
			continue
		case m.Outcome == nil, m.Outcome.Status == lab.PatchFailed:
		case m.Outcome.Status == lab.Applied:
			applied++
		default:
			idle++
		}
		targets++
	}
	cell := stripCell{"Machines patched", fmt.Sprintf("%d of %d", applied, targets), "pass"}
	if applied == 0 || applied+idle < targets {
		cell.Tone = "inconclusive"
	}
	return cell
}

func stripChanges(r *lab.Record) stripCell {
	return stripCell{Name: "Changes seen", Value: orNone(strings.TrimPrefix(fmt.Sprint(len(r.Changes)), "0"), "none")}
}

func stripBackout(r *lab.Record) stripCell {
	if r.Backout == nil {
		return stripCell{Name: "Back-out", Value: "not asked for"}
	}
	b := backoutBadge(r.Backout.Result)
	return stripCell{"Back-out", b.Word, b.Tone}
}

func stripReverted(r *lab.Record) stripCell {
	if r.Receipt.Proven {
		return stripCell{"Reverted", "✓ proven", "pass"}
	}
	if receiptMissing(r) {
		return stripCell{"Reverted", "no receipt", "inconclusive"}
	}
	return stripCell{"Reverted", "✗ NOT PROVEN", "fail"}
}

// receiptMissing reports whether the record is of the time before there were
// receipts: then nothing is known but that the run said it had reverted.
func receiptMissing(r *lab.Record) bool {
	return r.Reverted && !r.Receipt.Proven && len(r.Receipt.Problems) == 0 && len(r.Receipt.Instances) == 0
}

const mostFiles = 60 // of a patch, on the page

// patchPart are the bytes that were tested.
type patchPart struct {
	Files    []fileRow
	More     int
	Packages bool // any of Files says what package it is
}

type fileRow struct{ Name, Package, Size, SHA256, Note string }

func newPatchPart(r *lab.Record) patchPart {
	files, more := first(r.Patch.Files, mostFiles)
	p := patchPart{More: more}
	for _, f := range files {
		row := fileRow{Name: f.Name, Size: size(f.Size), SHA256: f.SHA256}
		row.Package = strings.TrimSpace(strings.Join([]string{f.Package, f.Version, f.Arch}, " "))
		if f.Beside {
			row.Note = "beside: not rolled out"
		}
		p.Packages = p.Packages || row.Package != ""
		p.Files = append(p.Files, row)
	}
	return p
}
