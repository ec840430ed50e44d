package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/patchlab/patchlab/lab"
)

// trialOf is what a run says in a bisection. A part of the batch that no
// machine has a use for changes nothing: that is as good as a pass.
func trialOf(rec *lab.Record, part bool) lab.Trial {
	t := lab.Trial{Verdict: rec.Verdict, Reason: rec.Reason, Run: rec.Run}
	if part && rec.Verdict == lab.Inconclusive && idle(rec) {
		t.Verdict, t.Reason = lab.Pass, "none of it is for the machines, or all of it is there already"
	}
	for _, c := range rec.Checks {
		if c.Class == lab.ClassRegression && c.Severity == lab.Critical {
			t.Signature = append(t.Signature, "check "+c.Name)
		}
	}
	for _, f := range rec.Findings {
		if f.Patch && !f.Warning {
			t.Signature = append(t.Signature, "finding "+f.Machine+" "+alike(f.Summary))
		}
	}
	slices.Sort(t.Signature)
	t.Signature = slices.Compact(t.Signature)
	return t
}

// alike is what two findings of one cause have in common: the text up to the
// details, without numbers.
func alike(summary string) string {
	text, _, _ := strings.Cut(summary, ": ")
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return '#'
		}
		return r
	}, text)
}

// idle reports whether every target was asked, none had a use for the patch,
// and nothing else was noticed.
func idle(rec *lab.Record) bool {
	targets := 0
	for _, m := range rec.Machines {
		if !m.Target {
			continue
		}
		targets++
		if m.Outcome == nil || m.Outcome.Status != lab.AlreadyInstalled && m.Outcome.Status != lab.NotApplicable {
			return false
		}
	}
	return targets > 0 && !slices.ContainsFunc(rec.Findings, func(f lab.Finding) bool { return !f.Warning })
}

// key names the bisection of these items on l: where its trials are kept.
func (b *batch) key(l *lab.Lab) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{l.Name, l.Dir}, namesOf(b.items)...), "\x00")))
	return hex.EncodeToString(sum[:16])
}

// shaped is what trials depend on beside the items' bytes, hashed. What is in
// the ready state's key is not looked at again.
func (b *batch) shaped(l *lab.Lab, readyKey string, o bisectOptions) (map[string]string, error) {
	var machines, checks, items []any
	for _, m := range l.Machines {
		machines = append(machines, []any{m.Name, m.Impact, m.Wave, m.Watch, m.BootTimeout})
	}
	for _, c := range l.Checks {
		shape := *c
		shape.Pos, shape.From, shape.FromNet = lab.Pos{}, nil, nil
		checks = append(checks, []any{shape, c.Spec.Kind(), c.Place()})
	}
	for _, item := range b.items {
		shape := *item
		shape.Pos, shape.Targets, shape.Files, shape.Script, shape.Bundle = lab.Pos{}, nil, nil, "", ""
		var targets []string
		for _, m := range item.Targets {
			targets = append(targets, m.Name)
		}
		items = append(items, []any{shape, targets})
	}
	out := map[string]string{"the ready state": readyKey}
	for name, value := range map[string]any{
		"what is looked at on a machine":            machines,
		"the checks":                                checks,
		"what a patch is for, or how it is applied": items,
		"an option":                                 []bool{o.noControl, o.noReboot},
		"the program":                               version(),
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("cannot describe %s: %w", name, err)
		}
		sum := sha256.Sum256(text)
		out[name] = hex.EncodeToString(sum[:])
	}
	return out, nil
}
