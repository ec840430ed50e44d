package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

func (a *app) testCommand() *cobra.Command {
	var o testOptions
	cmd := &cobra.Command{
		Use:   "test DIR [PATCH…]",
		Short: "Test patches on a fresh copy of a lab and give a verdict",
		Long: `Forks an instance from the ready state of the lab defined in DIR, makes its
checks, applies the patch, makes the checks again, gives a verdict, takes
everything down, and proves that nothing of it is left. A control arm goes the
same way without the patch, so that the patch is not blamed for what a reboot
does; --no-control leaves it out. When all is well each patched machine is
rebooted once more, and the checks are made again: what works until the next
reboot shows then. --backout takes the patch out again at the end, as it would
be in production, and says what is left of it.

PATCH is a patch's name in the definition, or the path of a file or folder that
just arrived: packages (.deb, .rpm), a script, a Windows update (.msu, .cab,
.msp, .msi, .exe) or a bundle, recognised by its content. apt:NAME, apt:NAME=VERSION,
dnf:NAME and zypper:NAME are packages by name, for which patchlab bundle fetches
the files. Without PATCH every patch of the definition is tested, each in a run
of its own. A patch that is not in the definition goes to the machines of
--target; without, packages go to each machine that has one of them, and all
else to each machine of its system.

With --format json standard output is the run record alone; for several patches
one record after the other.`,
		Example: `  patchlab test examples/dental                       # every patch of the definition
  patchlab test examples/dental booking-good          # one of them
  patchlab test examples/dental ~/Downloads/updates --target web
  patchlab test examples/dental apt:openssl --target web --backout
  patchlab test examples/dental booking-good --wait 1h --format json | jq .verdict`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completePatches,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.test(cmd.Context(), args[0], args[1:], o)
		},
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	a.addWait(cmd)
	cmd.Flags().StringSliceVar(&o.targets, "target", nil, "machines that a patch named by its path is for")
	cmd.Flags().BoolVar(&o.noControl, "no-control", false, "make no control arm: quicker, but a reboot's own faults look like the patch's")
	cmd.Flags().BoolVar(&o.backout, "backout", false, "take the patch out again at the end, and say what is left of it")
	cmd.Flags().BoolVar(&o.noReboot, "no-verify-reboot", false, "do not reboot the machines once more when all is well: quicker, but what breaks at the next reboot is not seen")
	cmd.Flags().StringVar(&o.notify, "notify", "", "file that says who is told what came of it: see patchlab notify")
	cmd.Flags().BoolVar(&o.verify, "verify", false, "for the revert receipt, read every frozen file instead of trusting sizes and times")
	return cmd
}

// testOptions are the flags of patchlab test.
type testOptions struct {
	targets           []string
	noControl, verify bool
	backout, noReboot bool
	notify            string
}

// adapt is p as the flags want it.
func (o testOptions) adapt(p *lab.Patch) *lab.Patch {
	other := *p
	if o.noReboot {
		other.VerifyReboot = false
	}
	if o.backout && p.Backout == nil {
		other.Backout = &lab.Backout{}
	}
	return &other
}

// completePatches completes the definition's folder, then its patches.
func (a *app) completePatches(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	l, err := a.load(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for _, p := range l.Patches {
		names = append(names, p.Name)
	}
	return names, cobra.ShellCompDirectiveDefault // or a file that just arrived
}

// test tests each patch in a run of its own; the exit code is the worst.
func (a *app) test(ctx context.Context, dir string, names []string, o testOptions) error {
	l, err := a.load(dir)
	if err != nil {
		return err
	}
	patches, err := selectPatches(l, names, o.targets)
	if err != nil {
		return err
	}
	tell, err := a.testTelling(l, o.notify)
	if err != nil {
		return err
	}
	tester, err := a.tester(ctx, l)
	if err != nil {
		return err
	}
	tester.NoControl, tester.Verify = o.noControl, o.verify
	runs, err := a.testAll(ctx, tester, l, patches, o)
	return tell.runs(ctx, runs, err)
}

// testAll makes the runs. Beside the error that is the exit code it returns
// the records of those that were made.
func (a *app) testAll(ctx context.Context, t *lab.Tester, l *lab.Lab, patches []*lab.Patch, o testOptions) (runs []*lab.Record, err error) {
	worst := exitOK
	for _, p := range patches {
		rec, err := a.testOne(ctx, t, l, o.adapt(p))
		if rec != nil {
			worst = worse(worst, verdictCode(rec.Verdict))
			runs = append(runs, rec)
		}
		if isUnsealed(err) { // it is in the ledger, and the next entry makes up for it
			worst = worse(worst, a.exitCode(ctx, err))
			continue
		}
		if err != nil && worst == exitFail && ctx.Err() == nil {
			a.exitCode(ctx, err) // says it; the patch that failed outweighs it
			return runs, codeError(exitFail)
		}
		if err != nil {
			return runs, err
		}
	}
	if worst != exitOK {
		return runs, codeError(worst)
	}
	return runs, nil
}

// testOne makes one run, enters it in the ledger and prints it. Beside an
// error it returns the record of a run that was made.
func (a *app) testOne(ctx context.Context, t *lab.Tester, l *lab.Lab, p *lab.Patch) (*lab.Record, error) {
	g, err := a.ledger()
	if err != nil {
		return nil, err
	}
	// An earlier run that was not entered comes before this one, which may be
	// what answers it. What cannot be entered is said by gc and the gate.
	_, _ = g.Adopt()
	ui := a.newUI()
	t.Observer = ui
	rec, err := t.Test(ctx, l, p)
	ui.Close() // before the report: a live display redraws over what is printed
	if rec == nil {
		return nil, err
	}
	return rec, errors.Join(a.enterKept(g, rec, err), a.print(rec))
}

func (a *app) print(rec *lab.Record) error {
	if a.format == "json" {
		return report.JSON(a.stdout, rec)
	}
	return report.Text(a.stdout, rec, a.colour(a.stdout))
}

func verdictCode(v lab.Verdict) int {
	switch v {
	case lab.Pass:
		return exitOK
	case lab.Fail:
		return exitFail
	default:
		return exitInconclusive
	}
}

// worse is the worse of two exit codes: a failed patch outweighs a run that
// says nothing, which outweighs a pass.
func worse(a, b int) int {
	switch {
	case a == exitFail || b == exitFail:
		return exitFail
	default:
		return max(a, b)
	}
}
