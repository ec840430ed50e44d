package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/patch"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) bisectCommand() *cobra.Command {
	var o bisectOptions
	cmd := &cobra.Command{
		Use:   "bisect DIR PATCH…",
		Short: "Find which patches of a batch break a lab",
		Long: `Tests the patches together on the lab defined in DIR, and where that fails,
parts of them, until it is known which of them break it: one, or several that do
it only together. Each trial is a run of its own, as patchlab test makes it.

PATCH is what it is for patchlab test. Each package of a folder, each part of a
batch and each package by name is one item to be found. A .deb is tried with the
others of its batch that it depends on, or that it says it breaks in an older
version: they have to be installed together.

The answer is irreducible: the culprits fail together, and with any one of them
left out they pass. The exit code is 1 when culprits were found, 0 when the
whole batch passes, and 3 when a trial that was needed says nothing twice. A
part that fails for another reason than the whole batch counts as failing, and
is marked.

Finished trials are kept: a bisection that was interrupted goes on when it is
started again, unless the lab or a patch has changed.`,
		Example: `  patchlab bisect examples/dental ~/Downloads/updates --target web
  patchlab bisect examples/dental booking-good booking-broken --parallel 1
  patchlab bisect examples/dental ~/Downloads/updates --format json | jq .culprits`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: a.completePatches,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.bisect(cmd.Context(), args[0], args[1:], o)
		},
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	a.addWait(cmd)
	cmd.Flags().StringSliceVar(&o.targets, "target", nil, "machines that a patch named by its path is for")
	cmd.Flags().IntVar(&o.parallel, "parallel", 2, "how many trials to make at once, where the memory is enough")
	cmd.Flags().BoolVar(&o.noControl, "no-control", false, "make no control arm: quicker, but a reboot's own faults look like the patch's")
	cmd.Flags().BoolVar(&o.noReboot, "no-verify-reboot", false, "do not reboot the machines once more when all is well: quicker, but what breaks at the next reboot is not seen")
	return cmd
}

// bisectOptions are the flags of patchlab bisect.
type bisectOptions struct {
	targets             []string
	parallel            int
	noControl, noReboot bool
}

func (a *app) bisect(ctx context.Context, dir string, names []string, o bisectOptions) error {
	if o.parallel < 1 {
		return usagef("patchlab bisect --help", "--parallel %d: want 1 or more", o.parallel)
	}
	l, err := a.load(dir)
	if err != nil {
		return err
	}
	patches, err := selectPatches(l, names, o.targets)
	if err != nil {
		return err
	}
	b, err := newBatch(patches)
	if err != nil {
		return err
	}
	for _, line := range b.remarks {
		fmt.Fprintln(a.stderr, line)
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	path := filepath.Join(engine.Store.BisectDir(), b.key(l)+".json")
	unlock, err := lockBisect(path)
	if err != nil {
		return err
	}
	defer unlock()
	ui := a.newUI()
	out, err := a.bisectIn(ctx, engine, l, b, o, path, ui)
	ui.Close() // before the answer: a live display redraws over what is printed
	if err != nil {
		return err
	}
	return a.printBisection(l, b, out)
}

// bisectIn makes the trials, and shows them on ui.
func (a *app) bisectIn(ctx context.Context, engine *snapshots.Engine, l *lab.Lab, b *batch, o bisectOptions, state string, ui *ui) (*lab.Bisection, error) {
	tester, err := a.testerOf(ctx, engine, l)
	if err != nil {
		return nil, err
	}
	tester.NoControl, tester.Trial = o.noControl, true
	g, err := a.ledgerOf(engine.Store)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(b.items, func(p *lab.Patch) bool { return p.Expect != nil }) {
		tester.Surveyor = nil // nobody reads a trial's difference
	}
	from, err := ready(ctx, engine, l, ui)
	if err != nil {
		return nil, err
	}
	shaped, err := b.shaped(l, from.Record().Key, o)
	if err != nil {
		return nil, err
	}
	done := 0
	search := lab.Bisector{
		Items: b.items, Needs: b.needs, Parallel: o.parallel, State: state, Shaped: shaped, Pin: patch.Pin,
		Tell: func(t lab.Tried) {
			done++
			ui.remark(fmt.Sprintf("trial %d: %s", done, b.line(t)))
		},
		Try: func(ctx context.Context, items []*lab.Patch) (lab.Trial, error) {
			p, end := ui.Begin(lab.ArmUp, "", "trying "+b.short(namesOf(items)))
			mine := *tester
			mine.Observer = trialObserver{p}
			rec, err := mine.Test(ctx, l, b.together(items, o))
			end(err)
			if err != nil {
				return lab.Trial{}, err
			}
			err = a.enter(g, rec)
			if isUnsealed(err) { // it is in, and the next entry makes up for it
				ui.remark(err.Error())
				err = nil
			}
			return trialOf(rec, len(items) < len(b.items)), err
		},
	}
	out, err := search.Bisect(ctx)
	if err != nil && done > 0 {
		ui.remark("the finished trials are kept: the same command goes on from there")
	}
	return out, err
}

// lockBisect makes sure that one process keeps a state.
func lockBisect(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, &lab.HostError{Op: "keep the trials of the bisection", Err: err}
	}
	lock := flock.New(strings.TrimSuffix(path, ".json") + ".lock")
	if ok, err := lock.TryLock(); err != nil {
		return nil, &lab.HostError{Op: "lock the bisection", Err: err}
	} else if !ok {
		return nil, &lab.BusyError{What: "this bisection", Holder: "another patchlab bisect"}
	}
	return func() { _ = lock.Unlock() }, nil
}

// trialObserver shows all phases of one trial as steps of one.
type trialObserver struct{ lab.Progress }

// Begin implements lab.Observer.
func (o trialObserver) Begin(arm lab.Arm, machine, name string) (lab.Progress, func(error)) {
	step := trialStep{o.Progress, title(arm, machine, name)}
	o.Step(step.name)
	return step, func(error) {}
}

// trialStep is one phase of a trial.
type trialStep struct {
	lab.Progress
	name string
}

// Step implements lab.Progress.
func (s trialStep) Step(text string) { s.Progress.Step(s.name + ": " + text) }

// printBisection prints the answer; its error is the exit code.
func (a *app) printBisection(l *lab.Lab, b *batch, out *lab.Bisection) error {
	if a.format == "json" {
		enc := json.NewEncoder(a.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(bisectionJSON{Version: 1, Lab: l.Name, Patches: namesOf(b.items), Bisection: out}); err != nil {
			return err
		}
	} else {
		b.print(a.stdout, out)
	}
	if code := verdictCode(out.Verdict); code != exitOK {
		return codeError(code)
	}
	return nil
}

// bisectionJSON is what --format json prints.
type bisectionJSON struct {
	Version int      `json:"version"`
	Lab     string   `json:"lab"`
	Patches []string `json:"patches"` // the whole batch, in the order it is applied
	*lab.Bisection
}
