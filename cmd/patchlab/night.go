package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/night"
	"github.com/patchlab/patchlab/lab/notify"
	"github.com/patchlab/patchlab/snapshots"
)

// nightWait is how long a run of a night waits for memory: nobody is there who
// could try again.
const nightWait = time.Hour

// nightOptions are the flags of patchlab night.
type nightOptions struct {
	testOptions
	drops, patches []string
	finishBy       string
	ifChanged      bool
	jobs           int
	metrics        string
}

func (a *app) nightCommand() *cobra.Command {
	var o nightOptions
	cmd := &cobra.Command{
		Use:   "night DIR…",
		Short: "Test all patches that arrived on all labs, unattended",
		Long: `Tests patches on every lab that is defined in or below the directories, as cron
wants it: silent when all is well, else with a summary on standard output and the
worst exit code of its runs. One lab's trouble never stops the others. Links to
labs are followed; no two labs have the same name.

The patches are those of each definition, what lies in the folder incoming of
each lab, and what lies in the folders of --drop, which are for all labs: a patch
that a lab has no machine for is left out there. --patch names others instead.
Hidden files, and those named *.part, *.tmp or *.crdownload, are left alone, as is
a folder while it holds one of the latter, or one that rsync is at: move a file in
when it is whole. A patch for all labs
that turns out to be for none of them was tested nowhere, and is told.

What was never tested, or failed, comes first, then what much depends on. As many
runs are made at once as there is memory for; --finish-by leaves out what would
not be done in time, by the labs' earlier runs, and says so. --if-changed leaves
out what has a verdict already, with the same bytes on the same definition (with
--backout, a pass that was never taken out again is none): a patch that failed is
told once, and then no longer. A night that was cut off is gone on with when it is
started again: what is done is not done twice. A lab that another night works on
is left to it.

Results are told as notify.conf in PATCHLAB_HOME says: see patchlab notify. What
could not be told is told by the next night, for a week at most.`,
		Example: `  patchlab night /srv/labs --if-changed --finish-by 06:00
  patchlab night /srv/labs --drop /srv/patches --metrics /var/lib/node_exporter/patchlab.prom
  patchlab night labs/dental labs/mill --patch apache-security --format json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("wait") {
				a.wait = nightWait
			}
			return a.night(cmd.Context(), args, o)
		},
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	a.addWait(cmd)
	f := cmd.Flags()
	f.Lookup("wait").DefValue = nightWait.String() // all commands share the value itself
	f.StringArrayVar(&o.drops, "drop", nil, "folder with patches for all labs (repeatable)")
	f.StringArrayVar(&o.patches, "patch", nil, "only these patches: a name in a definition, a path, or apt:NAME (repeatable)")
	f.StringVar(&o.finishBy, "finish-by", "", "be done by this time of day (06:00)")
	f.BoolVar(&o.ifChanged, "if-changed", false, "leave out what has a verdict already, with the same bytes on the same definition")
	f.IntVar(&o.jobs, "jobs", 0, "most runs at once; 0: as many as memory and processors allow")
	f.StringVar(&o.notify, "notify", "", "file that says who is told (default: notify.conf in PATCHLAB_HOME, where there is one)")
	f.StringVar(&o.metrics, "metrics", "", "file for Prometheus' node_exporter, named *.prom; one of its own for each night of a host")
	f.BoolVar(&o.noControl, "no-control", false, "make no control arms: quicker, but a reboot's own faults look like the patch's")
	f.BoolVar(&o.noReboot, "no-verify-reboot", false, "do not reboot the machines once more when all is well")
	f.BoolVar(&o.backout, "backout", false, "take each patch out again at the end, and say what is left of it")
	return cmd
}

func (a *app) night(ctx context.Context, dirs []string, o nightOptions) error {
	now := time.Now()
	by, err := nextTime(o.finishBy, now)
	if err != nil {
		return err
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	tell, err := a.telling(store, o.notify, o.metrics)
	if err != nil {
		return err
	}
	tell.labs = newNightLabs(dirs)
	g, err := a.ledgerOf(store)
	if err != nil {
		return err
	}
	sum, told, err := a.nightRuns(ctx, store, g, tell, dirs, night.Options{FinishBy: by, IfChanged: o.ifChanged}, o)
	if err != nil {
		return errors.Join(err, tell.noNight(context.WithoutCancel(ctx), g, now, err))
	}
	return a.nightCode(context.WithoutCancel(ctx), sum.Code, told)
}

// nightRuns makes the night and tells what came of it. Told is what went wrong
// beside it, or with telling it.
func (a *app) nightRuns(ctx context.Context, store *snapshots.Store, g *ledger.Ledger, tell *telling, dirs []string, limits night.Options, o nightOptions) (sum *night.Summary, told, err error) {
	if err := a.nightLimits(store, o.jobs, &limits); err != nil {
		return nil, nil, err
	}
	jobs, secrets, err := a.nightJobs(store, dirs, o, tell.labs)
	if err != nil {
		return nil, nil, err
	}
	tell.redact, limits.Labs = secrets, tell.labs.dirs
	_, trouble := g.Adopt()
	if errors.Is(trouble, ledger.ErrTampered) {
		return nil, nil, untrusted(trouble)
	}
	if trouble != nil { // one record that is broken is no reason to test nothing
		trouble = &lab.HostError{Op: "enter the runs that were cut off in the ledger", Err: trouble, Hint: "mend or remove their folders"}
	}
	n := night.Night{Dir: store.NightDir(), Past: &past{g: g, labs: map[string][]ledger.Entry{}, weak: o.noControl}, Runner: a.nightRunner(store, o), Now: time.Now, Say: a.sayLine}
	n.Tell = func(sum *night.Summary) error {
		shown := a.printNight(sum)
		sent, metrics := tell.night(context.WithoutCancel(ctx), g, sum, trouble)
		untold := errors.Join(shown, sent)
		told = errors.Join(trouble, untold, metrics)
		return untold
	}
	sum, err = n.Run(ctx, jobs, limits)
	return sum, told, err
}

// nightCode is the error that ends a night with the worst of its exit codes,
// also when it was interrupted. That somebody could not be told is said, and is
// no success. Ctx has not ended.
func (a *app) nightCode(ctx context.Context, code int, told error) error {
	if told != nil {
		said := a.exitCode(ctx, told) // says it
		if code == exitOK {
			code = said
		}
	}
	switch code {
	case exitOK:
		return nil
	case exitInterrupted:
		a.say("patchlab: interrupted: everything was cleaned up")
	}
	return codeError(code)
}

// sayLine shows a line of progress where somebody looks on: cron would send it
// by mail.
func (a *app) sayLine(line string) {
	if isTerminal(a.stderr) {
		fmt.Fprintln(a.stderr, lab.Printable(line, 400))
	}
}

// nextTime is when it is next so late as text says; zero for no text.
func nextTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation("15:04", text, now.Location())
	if err != nil {
		return at, usagef("", "cannot use --finish-by %q: want a time of day such as 06:00", text)
	}
	next := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, now.Location())
	if !next.After(now) {
		next = time.Date(now.Year(), now.Month(), now.Day()+1, at.Hour(), at.Minute(), 0, 0, now.Location())
	}
	return next, nil
}

// nightLimits fills in what the host has.
func (a *app) nightLimits(store *snapshots.Store, jobs int, o *night.Options) error {
	if jobs < 0 {
		return usagef("", "--jobs %d: want 0 or more", jobs)
	}
	free, err := store.FreeMiB()
	if err != nil {
		return err
	}
	o.FreeMiB, o.Jobs = max(1, free), jobs // 0 would be no limit
	if o.Jobs == 0 {
		o.Jobs = runtime.NumCPU()
		// An emulated machine keeps a processor busy, and a run has two arms.
		if accel, _, err := snapshots.ChooseAccel(a.getenv); err == nil && accel != agent.AccelKVM {
			o.Jobs = max(1, o.Jobs/2)
		}
	}
	return nil
}

// nightRunner runs patchlab test for each job.
func (a *app) nightRunner(store *snapshots.Store, o nightOptions) night.Runner {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	args := []string{"--format", "json", "--wait", (*duration)(&a.wait).String()}
	for _, v := range a.vars {
		args = append(args, "--var", v)
	}
	for _, f := range a.varFiles {
		args = append(args, "--var-file", f)
	}
	for flag, set := range map[string]bool{"--no-control": o.noControl, "--no-verify-reboot": o.noReboot, "--backout": o.backout} {
		if set {
			args = append(args, flag)
		}
	}
	return &night.Command{Argv: []string{self, "test"}, Args: args, LogDir: filepath.Join(store.NightDir(), "logs")}
}

func (a *app) printNight(sum *night.Summary) error {
	if a.format == "json" {
		return sum.JSON(a.stdout)
	}
	if sum.Quiet() && !isTerminal(a.stdout) {
		return nil
	}
	_, err := fmt.Fprint(a.stdout, sum.Text())
	return err
}

// results are a night's outcomes as they are told.
func results(sum *night.Summary) []notify.Result {
	list := []notify.Result{}
	for _, o := range sum.Outcomes {
		list = append(list, notify.Result{
			Lab: o.Lab, Client: o.Client, Patch: o.Patch, Verdict: o.Verdict, Code: o.Code, Reason: o.Reason,
			Run: o.Run, Dir: o.Dir, Before: o.Before, Seconds: o.Seconds, Skipped: o.Skipped,
		})
	}
	return list
}
