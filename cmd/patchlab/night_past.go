package main

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/night"
)

// past answers a night's questions from the ledger, as it was when it began.
type past struct {
	g    *ledger.Ledger
	labs map[string][]ledger.Entry // runs, newest first
	weak bool                      // a run without a control arm will do
}

func (p *past) runs(labName string) ([]ledger.Entry, error) {
	if entries, known := p.labs[labName]; known {
		return entries, nil
	}
	entries, err := p.g.Entries(ledger.Filter{Lab: labName, Kinds: []ledger.Kind{ledger.Run}})
	entries = slices.DeleteFunc(entries, func(e ledger.Entry) bool { return e.Run.Trial })
	if err == nil {
		p.labs[labName] = entries
	}
	return entries, err
}

// Record implements night.Reader.
func (p *past) Record(labName, run string) (*lab.Record, error) {
	return ledger.ReadRecord(filepath.Join(p.g.Runs, labName, run))
}

// Done implements night.Past.
func (p *past) Done(j night.Job, since time.Time) (string, lab.Verdict, bool, error) {
	entries, err := p.runs(j.Lab)
	for _, e := range entries {
		weaker := !p.weak && slices.Contains(e.Run.Weak, ledger.WithoutControl) ||
			j.Backout && e.Run.Verdict == lab.Pass && e.Run.Backout == ""
		if !weaker && e.Definition.SHA256 == j.Definition && e.Patch.SHA256 == j.SHA256 && !e.Run.Started.Before(since) {
			return e.Run.ID, e.Run.Verdict, true, err
		}
	}
	return "", "", false, err
}

// Before implements night.Past.
func (p *past) Before(labName, patch string, t time.Time) (lab.Verdict, error) {
	entries, err := p.runs(labName)
	for _, e := range entries {
		if e.Patch.Name == patch && e.Run.Started.Before(t) {
			return e.Run.Verdict, err
		}
	}
	return "", err
}

// Seconds implements night.Past.
func (p *past) Seconds(labName string) (float64, error) {
	entries, err := p.runs(labName)
	var seconds []float64
	for _, e := range entries[:min(len(entries), 9)] {
		seconds = append(seconds, e.Run.Seconds)
	}
	return median(seconds), err
}
