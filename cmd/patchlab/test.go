package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/check"
	"github.com/patchlab/patchlab/lab/patch"
	"github.com/patchlab/patchlab/lab/report"
)

func (a *app) testCommand() *cobra.Command {
	var targets []string
	cmd := &cobra.Command{
		Use:   "test DIR [PATCH…]",
		Short: "Test patches on a fresh copy of a lab and give a verdict",
		Long: `Makes a fresh instance of the lab defined in DIR, makes its checks, applies the
patch, makes the checks again, gives a verdict, and takes everything down.

PATCH is a patch's name in the definition, or the path of a file or folder that
just arrived: .deb files, or a script. Without PATCH every patch of the
definition is tested, each in a run of its own. A patch named by its path goes
to the machines of --target; without, to each machine that has one of its
packages installed.

With --format json standard output is the run record alone; for several patches
one record after the other.`,
		Example: `  patchlab test examples/dental                       # every patch of the definition
  patchlab test examples/dental booking-good          # one of them
  patchlab test examples/dental ~/Downloads/updates --target web
  patchlab test examples/dental booking-good --format json | jq .verdict`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completePatches,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.test(cmd.Context(), args[0], args[1:], targets)
		},
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	cmd.Flags().StringSliceVar(&targets, "target", nil, "machines that a patch named by its path is for")
	return cmd
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
func (a *app) test(ctx context.Context, dir string, names, targets []string) error {
	l, err := a.load(dir)
	if err != nil {
		return err
	}
	patches, err := selectPatches(l, names, targets)
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	tester := &lab.Tester{
		Host: engine, Checks: check.Runner{Redact: l.Redactor()}, Patcher: patch.Applier{Redact: l.Redactor()}, Pin: patch.Pin,
		RunsDir: engine.Store.RunsDir(l.Name),
		Tool:    lab.ToolRecord{Patchlab: version(), Accel: engine.Accel, Host: host},
	}
	worst := exitOK
	for _, p := range patches {
		ui := a.newUI()
		tester.Observer = ui
		rec, err := tester.Test(ctx, l, p)
		ui.Close() // before the report: a live display redraws over what is printed
		if err != nil && worst == exitFail && ctx.Err() == nil {
			a.exitCode(ctx, err) // says it; the patch that failed before outweighs it
			return codeError(exitFail)
		}
		if err != nil {
			return err
		}
		if err := a.print(rec); err != nil {
			return err
		}
		worst = worse(worst, verdictCode(rec.Verdict))
	}
	if worst != exitOK {
		return codeError(worst)
	}
	return nil
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

// selectPatches finds the patches that the arguments name.
func selectPatches(l *lab.Lab, names, targets []string) ([]*lab.Patch, error) {
	machines, err := findMachines(l, targets)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		if len(l.Patches) == 0 {
			return nil, usagef("patchlab test "+l.Dir+" FILE.deb", "lab %q defines no patch, and none was given", l.Name)
		}
		return l.Patches, nil
	}
	var out []*lab.Patch
	for _, name := range names {
		p, err := selectPatch(l, name, machines)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// selectPatch finds one patch: by its name in the definition, else as a path.
func selectPatch(l *lab.Lab, name string, targets []*lab.Machine) (*lab.Patch, error) {
	for _, p := range l.Patches {
		if p.Name != name {
			continue
		}
		if len(targets) == 0 {
			return p, nil
		}
		other := *p
		other.Targets = targets
		return &other, nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, usagef(knownPatches(l), "lab %q has no patch %q, and there is no such file: %w", l.Name, name, err)
	}
	return patch.FromPath(path, l, targets)
}

func knownPatches(l *lab.Lab) string {
	if len(l.Patches) == 0 {
		return "the definition has no patches: give the path of a .deb, of a folder of them, or of a script"
	}
	hint := "the definition has:"
	for _, p := range l.Patches {
		hint += " " + p.Name
	}
	return hint
}

// findMachines finds machines by name.
func findMachines(l *lab.Lab, names []string) ([]*lab.Machine, error) {
	var out []*lab.Machine
	for _, name := range names {
		m, err := findMachine(l, name)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func findMachine(l *lab.Lab, name string) (*lab.Machine, error) {
	hint := "its machines are:"
	for _, m := range l.Machines {
		if m.Name == name {
			return m, nil
		}
		hint += " " + m.Name
	}
	return nil, usagef(hint, "lab %q has no machine %q", l.Name, name)
}
