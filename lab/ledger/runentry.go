package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// runEntry is what the ledger says of a run whose record is kept in rec.Dir.
func runEntry(rec *lab.Record) (Entry, error) {
	if _, err := runPath(rec.Lab, rec.Run); err != nil {
		return Entry{}, hostError("enter the run", err)
	}
	root, err := os.OpenRoot(rec.Dir)
	if err != nil {
		return Entry{}, hostError("enter the run", err)
	}
	defer root.Close()
	text, err := readSmall(root, sumsFile, maxSums)
	if err == nil {
		_, err = parseSums(text)
	}
	if err != nil {
		return Entry{}, hostError("enter the run", err)
	}
	sum := sha256.Sum256(text)
	patch, definition, tool := rec.Patch, rec.Definition, rec.Tool
	run := &RunEntry{
		ID: rec.Run, Started: rec.Started.UTC(), Seconds: rec.Seconds,
		Verdict: rec.Verdict, Reason: lab.Printable(rec.Reason, 1000),
		Weak: weak(rec), Sums: hex.EncodeToString(sum[:]), Keep: rec.Retain, Tool: &tool,
		Trial: rec.Trial, Idle: idle(rec),
	}
	run.Targets, run.Unused = targets(rec)
	if rec.Backout != nil {
		run.Backout = rec.Backout.Result
	}
	return Entry{Kind: Run, Lab: rec.Lab, Client: rec.Client, Patch: &patch, Definition: &definition, Run: run}, nil
}

// idle reports whether each target was asked, and none had a use for the patch.
func idle(rec *lab.Record) bool {
	asked := 0
	for _, m := range rec.Machines {
		if !m.Target {
			continue
		}
		if asked++; !useless(m.Outcome) {
			return false
		}
	}
	return asked > 0
}

// targets are the machines that a run says something of: of a pass those that
// the patch was applied on, of a failure those that it may have been, which
// leaves out those that were spared. Unused are those that it was for, and that
// had no use for it.
func targets(rec *lab.Record) (list, unused []string) {
	var all []string
	for _, m := range rec.Machines {
		switch {
		case !m.Target:
			continue
		case useless(m.Outcome):
			unused = append(unused, m.Name)
		case !slices.Contains(rec.Spared, m.Name):
			list = append(list, m.Name)
		}
		all = append(all, m.Name)
	}
	if rec.Verdict == lab.Pass || rec.Verdict == lab.Fail && len(list) > 0 {
		return list, unused
	}
	return all, nil
}

// useless reports whether a machine was asked, and had no use for the patch.
func useless(o *lab.PatchOutcome) bool {
	return o != nil && (o.Status == lab.NotApplicable || o.Status == lab.AlreadyInstalled)
}

// weak says what was left out by choice of a run. Of one that did not pass
// nobody knows why a reboot is missing: it may not have come so far.
func weak(rec *lab.Record) (list []string) {
	pass := rec.Verdict == lab.Pass
	if rec.Control.Mode == "off" && (pass || rec.Control.Reason == "switched off") {
		list = append(list, WithoutControl)
	}
	if !pass {
		return list
	}
	for _, m := range rec.Machines {
		applied := m.Outcome != nil && m.Outcome.Status == lab.Applied
		// A machine that the patch made reboot needs no other reboot.
		if m.Target && applied && m.Reboots == 0 && !m.Verified {
			return append(list, WithoutReboot)
		}
	}
	return list
}
