package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) gcCommand() *cobra.Command {
	var dryRun bool
	keep := duration(snapshots.DefaultKeep)
	var runs lab.Retention
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove what crashes have left, and what no lab has used for long",
		Long: `Removes what a crash, a power cut or a full disk has left of instances and
images, and images and ready states that no lab has used for as long as --keep
says. What is in use is never touched, and nothing that patchlab did not make.

Run records go only when the lab's definition has a retention block, or
--keep-runs or --keep-run-days is given: those that are past all limits that are
set. The ledger keeps their entries. The last pass of a lab stays, and so does
what an approval or rejection that counts points at.

Each thing is named, with the reason why it goes. It is safe at any time, beside
runs too.`,
		Example: `  patchlab gc --dry-run
  patchlab gc
  patchlab gc --keep 2d
  patchlab gc --keep-runs 30 --keep-run-days 365
  patchlab gc --keep 0 --format json | jq .bytes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.gc(cmd.Context(), snapshots.GCOptions{DryRun: dryRun, Keep: keep.value()}, runs)
		},
	}
	a.addFormat(cmd, "text", "json")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be removed")
	cmd.Flags().Var(&keep, "keep", "how long images and ready states that no lab uses are kept (36h, 14d; at least 1h)")
	cmd.Flags().IntVar(&runs.Runs, "keep-runs", 0, "how many run records of a lab are kept; 0: no limit")
	cmd.Flags().IntVar(&runs.Days, "keep-run-days", 0, "how many days run records are kept; 0: no limit")
	return cmd
}

func (a *app) gc(ctx context.Context, o snapshots.GCOptions, runs lab.Retention) error {
	if runs.Runs < 0 || runs.Days < 0 {
		return usagef("patchlab gc --help", "--keep-runs and --keep-run-days want 0 or more")
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	report, err := (&snapshots.Engine{Store: store}).GC(ctx, o)
	if report == nil {
		return err
	}
	err = errors.Join(err, a.gcRecords(store, o.DryRun, runs, report))
	// What was removed is said, also where the rest could not be.
	if werr := a.gcReport(report, o.DryRun, err == nil); err == nil {
		err = werr
	}
	return err
}

// gcRecords removes run records that are past the retention, and enters those
// whose process died before it could.
func (a *app) gcRecords(store *snapshots.Store, dryRun bool, runs lab.Retention, report *snapshots.GCReport) error {
	g, err := a.ledgerOf(store)
	if err != nil {
		return err
	}
	var broken error // a record that cannot be entered keeps no other
	if !dryRun {
		if _, broken = g.Adopt(); errors.Is(broken, ledger.ErrTampered) {
			return untrusted(broken)
		}
	}
	dirs, err := g.Expendable(runs)
	if err != nil {
		return errors.Join(broken, untrusted(err))
	}
	sizes := make([]int64, len(dirs))
	for i, dir := range dirs {
		sizes[i] = snapshots.Allocated(dir)
	}
	if !dryRun {
		err = g.Remove(dirs)
	}
	for i, dir := range dirs {
		if _, left := os.Stat(dir); dryRun || left != nil {
			report.Items = append(report.Items, snapshots.GCItem{
				Kind: "run", Name: filepath.Base(dir) + " of lab " + filepath.Base(filepath.Dir(dir)), Reason: "past the retention", Bytes: sizes[i],
			})
			report.Bytes += sizes[i]
		}
	}
	return errors.Join(broken, untrusted(err))
}

func (a *app) gcReport(r *snapshots.GCReport, dryRun, whole bool) error {
	if a.format == "json" {
		out := *r
		out.Items = append([]snapshots.GCItem{}, r.Items...)
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	return writeGC(a.stdout, r, dryRun, whole)
}

// writeGC prints what was removed, or would be. Whole says that there was no
// error: only then is an empty report good news.
func writeGC(w io.Writer, r *snapshots.GCReport, dryRun, whole bool) error {
	did, freed := "removed", "freed"
	if dryRun {
		did, freed = "would remove", "would free"
	}
	var b strings.Builder
	for _, i := range r.Items {
		fmt.Fprintf(&b, "%s %s %s (%s): %s\n", did, strings.ReplaceAll(i.Kind, "-", " "),
			lab.Printable(i.Name, 100), size(i.Bytes), lab.Printable(i.Reason, 200))
	}
	switch {
	case len(r.Items) > 0:
		fmt.Fprintf(&b, "%s %s\n", freed, size(r.Bytes))
	case whole:
		b.WriteString("nothing to remove\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
