package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"os"

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
	for _, m := range rec.Machines {
		if m.Target {
			run.Targets = append(run.Targets, m.Name)
		}
	}
	if rec.Backout != nil {
		run.Backout = rec.Backout.Result
	}
	return Entry{Kind: Run, Lab: rec.Lab, Client: rec.Client, Patch: &patch, Definition: &definition, Run: run}, nil
}

// idle reports whether each target was asked, and none had a use for the patch.
func idle(rec *lab.Record) bool {
	targets := 0
	for _, m := range rec.Machines {
		if !m.Target {
			continue
		}
		if targets++; m.Outcome == nil || m.Outcome.Status != lab.NotApplicable && m.Outcome.Status != lab.AlreadyInstalled {
			return false
		}
	}
	return targets > 0
}

// weak says what was left out by choice of a run that passed. One that did not
// may not have come so far.
func weak(rec *lab.Record) (list []string) {
	if rec.Verdict != lab.Pass {
		return nil
	}
	if rec.Control.Mode == "off" {
		list = append(list, WithoutControl)
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
