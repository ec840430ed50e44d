package main

import (
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/night"
)

func pastRun(id string, v lab.Verdict, at time.Time, change func(*ledger.RunEntry)) ledger.Entry {
	e := ledger.Entry{
		Kind: ledger.Run, Lab: "shop", Patch: &lab.PatchRecord{Name: "fix", SHA256: "p"}, Definition: &lab.Fingerprint{SHA256: "d"},
		Run: &ledger.RunEntry{ID: id, Verdict: v, Started: at},
	}
	if change != nil {
		change(e.Run)
	}
	return e
}

// A run that was made without a control arm is good enough only for a night
// that makes none either.
func TestDoneByAWeakerRun(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	weaker := pastRun("weaker", lab.Pass, at, func(r *ledger.RunEntry) { r.Weak = []string{ledger.WithoutControl} })
	whole := pastRun("whole", lab.Fail, at.Add(-time.Hour), nil)
	for _, tt := range []struct {
		weak bool
		want string
	}{{false, "whole"}, {true, "weaker"}} {
		p := past{labs: map[string][]ledger.Entry{"shop": {weaker, whole}}, weak: tt.weak}
		if run, _, ok, err := p.Done(night.Job{Lab: "shop", Definition: "d", SHA256: "p"}, time.Time{}); run != tt.want || !ok || err != nil {
			t.Errorf("weak %v: got %q, %v, %v", tt.weak, run, ok, err)
		}
	}
}

// A pass that nobody took out again is none where that is asked for; whatever
// else there was counts.
func TestDoneWithoutBackout(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	passed := pastRun("passed", lab.Pass, at, nil)
	proven := pastRun("proven", lab.Pass, at.Add(-time.Hour), func(r *ledger.RunEntry) { r.Backout = lab.BackedOutLeaves })
	failed := pastRun("failed", lab.Fail, at, nil)
	for _, tt := range []struct {
		backout bool
		runs    []ledger.Entry
		want    string
	}{
		{false, []ledger.Entry{passed, proven}, "passed"},
		{true, []ledger.Entry{passed, proven}, "proven"},
		{true, []ledger.Entry{passed}, ""},
		{true, []ledger.Entry{failed}, "failed"},
	} {
		p := past{labs: map[string][]ledger.Entry{"shop": tt.runs}}
		run, _, ok, err := p.Done(night.Job{Lab: "shop", Definition: "d", SHA256: "p", Backout: tt.backout}, time.Time{})
		if run != tt.want || ok != (tt.want != "") || err != nil {
			t.Errorf("back-out %v of %d runs: got %q, %v, %v", tt.backout, len(tt.runs), run, ok, err)
		}
	}
}

// An alarm is raised by what a lab's patches came to, and ends some day.
func TestSamples(t *testing.T) {
	now := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	entries := []ledger.Entry{
		pastRun("trial", lab.Fail, now, func(r *ledger.RunEntry) { r.Trial = true }),
		pastRun("idle", lab.Inconclusive, now, func(r *ledger.RunEntry) { r.Idle = true }),
		pastRun("newest", lab.Fail, now.Add(-time.Hour), nil),
		pastRun("pass", lab.Pass, now.Add(-2*time.Hour), nil),
		pastRun("old", lab.Fail, now.Add(-61*24*time.Hour), nil),
	}
	entries[4].Patch.Name = "replaced"
	list := samples(entries, now)
	if len(list) != 1 || list[0].Verdict != lab.Fail || !list[0].Started.Equal(now.Add(-time.Hour)) || !list[0].LastPass.Equal(now.Add(-2*time.Hour)) {
		t.Errorf("got %+v", list)
	}
}
