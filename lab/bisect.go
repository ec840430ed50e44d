package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Bisector finds out which patches of a batch make it fail, by trying parts
// of it.
//
// It takes nothing for granted but that a lab without any of the patches
// passes. What it finds is irreducible, and every claim in the answer was
// tried: the culprits fail together, and with any one of them left out they
// pass. It is not always the only such set: Bisection.Rest says whether the
// remaining patches pass by themselves.
//
// A part that fails for another reason than the whole batch counts as failing,
// since it could not be shipped either: Tried.Other tells of it.
type Bisector struct {
	Items []*Patch // the batch, in the order it is applied; their names differ
	// Needs names the items without which an item cannot be applied: they are
	// tried with it. Items that need each other are never separated.
	Needs map[*Patch][]*Patch
	// Try tests some of the items, in the batch's order. It is called at the
	// same time as often as Parallel says. A *BusyError beside other trials
	// makes the rest of the trials go one by one.
	Try      func(ctx context.Context, items []*Patch) (Trial, error)
	Parallel int // how many trials at once; at least 1
	// Tell is given each trial when it is done, one at a time; nil: nobody
	// asks.
	Tell func(Tried)

	// State is the path of a file that keeps the finished trials, so that a
	// bisection that was interrupted goes on; empty: none is kept.
	State string
	// Shaped holds what a trial depends on beside the items, by name
	// ("definition"), as hashes; Pin hashes an item. A state of anything else
	// is not gone on from.
	Shaped map[string]string
	Pin    func(*Patch) (PatchRecord, error)
}

// Trial is what one test of some patches of a batch came to.
type Trial struct {
	Verdict   Verdict  `json:"verdict"`
	Reason    string   `json:"reason"`              // one sentence
	Run       string   `json:"run,omitempty"`       // the run's id
	Signature []string `json:"signature,omitempty"` // the checks and findings that failed, in words that two runs have in common
}

// Tried is a trial of a bisection.
type Tried struct {
	Items []string `json:"items"` // names of the patches that were in
	Trial
	Again  bool `json:"again,omitempty"`  // the trial before was inconclusive
	Reused bool `json:"reused,omitempty"` // made by an earlier call that was interrupted
	Other  bool `json:"other,omitempty"`  // it failed, and in nothing that the whole batch fails in
}

// Bisection is the answer of a Bisector.
type Bisection struct {
	// Verdict is Fail when culprits were found, Pass when the whole batch
	// passes, and Inconclusive when a trial that was needed said nothing.
	Verdict  Verdict  `json:"verdict"`
	Reason   string   `json:"reason"` // one sentence
	Culprits []string `json:"culprits,omitempty"`
	With     []string `json:"with,omitempty"` // what the culprits cannot be applied without
	Rest     *Tried   `json:"rest,omitempty"` // of all that do not need a culprit; nil: there are none, or it was inconclusive
	Trials   []Tried  `json:"trials"`         // in the order they were done
	Runs     int      `json:"runs"`           // how many trials, the reused ones included
	Reused   int      `json:"reused"`
	Anew     string   `json:"anew,omitempty"` // why the trials of an earlier call were not reused
}

// Bisect finds the answer. Errors: those of Try and Pin, *HostError when the
// state cannot be kept, ctx's. The trials that were finished are kept then.
func (b *Bisector) Bisect(ctx context.Context) (*Bisection, error) {
	w := &bisecting{Bisector: b, parallel: max(b.Parallel, 1), done: map[string]Trial{}, out: &Bisection{Trials: []Tried{}}}
	w.units = unitsOf(b.Items, b.Needs)
	if err := w.open(); err != nil {
		return nil, err
	}
	err := w.find(ctx)
	if unclear, ok := errors.AsType[*unclearError](err); ok {
		w.out.Verdict, w.out.Reason = Inconclusive, unclear.Error()
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return w.out, nil
}

// bisecting is a bisection under way.
type bisecting struct {
	*Bisector
	units    []unit // those that a unit needs stand before it
	parallel int
	whole    Trial

	mu   sync.Mutex
	done map[string]Trial // by the set's key; the conclusive ones
	kept stateFile
	out  *Bisection
}

// unclearError ends a bisection: a trial said nothing, twice.
type unclearError struct {
	items []string
	trial Trial
}

// Error names the items that were tried.
func (e *unclearError) Error() string {
	return fmt.Sprintf("inconclusive: nothing can be said about %s: %s", andList(e.items), e.trial.Reason)
}

// find makes the trials and words the answer.
func (b *bisecting) find(ctx context.Context) error {
	all := b.prefix(len(b.units))
	trials, err := b.round(ctx, all)
	if err != nil {
		return err
	}
	switch b.whole = trials[0]; b.whole.Verdict {
	case Pass:
		b.out.Verdict, b.out.Reason = Pass, "the whole batch passes"
		return nil
	case Inconclusive:
		return &unclearError{b.names(all), b.whole}
	}
	failing, err := b.search(ctx)
	if err != nil {
		return err
	}
	failing, err = b.irreducible(ctx, failing)
	if err != nil {
		return err
	}
	return b.conclude(ctx, failing)
}
