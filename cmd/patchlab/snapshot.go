package main

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) snapshotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot LAB NAME",
		Short: "Save a lab that is up as it is now, to go back there",
		Long: `Saves all machines of a lab that is up, at one instant: disks, memory and
devices. They go on right afterwards. patchlab revert goes back to NAME as often
as you like; patchlab down removes the lab's snapshots with it.`,
		Example: `  patchlab snapshot dental before-update
  patchlab snapshots dental
  patchlab revert dental before-update
  patchlab snapshot rm dental before-update`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeLabs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.snapshot(cmd.Context(), args[0], args[1])
		},
	}
	cmd.AddCommand(a.snapshotRmCommand())
	return cmd
}

func (a *app) snapshot(ctx context.Context, ref, name string) error {
	engine, err := a.engine()
	if err != nil {
		return err
	}
	var point snapshots.Point
	err = a.phaseOf(ctx, ref, "snapshot", func(p lab.Progress) (err error) {
		point, err = engine.Snapshot(ctx, ref, name, p)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "snapshot %s of lab %s is saved (%s)\n  patchlab revert %s %s\n",
		point.Name, ref, size(point.Bytes), ref, point.Name)
	return err
}

func (a *app) snapshotRmCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "rm LAB NAME",
		Short:             "Remove a snapshot of a lab that is up",
		Example:           "  patchlab snapshot rm dental before-update",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completePoints,
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store()
			if err != nil {
				return err
			}
			engine := &snapshots.Engine{Store: store}
			if err := engine.RemovePoint(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "removed snapshot %s of lab %s\n", args[1], args[0])
			return err
		},
	}
}

// completePoints completes a lab that is up, then its snapshots.
func (a *app) completePoints(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return a.completeLabs(cmd, args, prefix)
	}
	store, err := a.store()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	points, err := (&snapshots.Engine{Store: store}).Points(cmd.Context(), args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, p := range points {
		names = append(names, p.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// size writes a number of bytes for people.
func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
