package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) downCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "down LAB",
		Short: "Take a running lab down and remove its instance",
		Long: `Ends the machines of a lab that is up and removes its disks. LAB is the lab's
name, its folder, or an instance's id. What a crash has left behind is removed
as well.`,
		Example: `  patchlab down dental
  patchlab down --all`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		ValidArgsFunction: a.completeLabs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.down(cmd.Context(), args, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "take down every lab that is up")
	return cmd
}

func (a *app) down(ctx context.Context, args []string, all bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	engine := &snapshots.Engine{Store: store}
	swept, err := engine.Sweep(ctx)
	if err != nil {
		return err
	}
	for _, s := range swept {
		fmt.Fprintf(a.stdout, "removed instance %s, which a crash had left\n", s.ID())
	}
	refs := args
	if all {
		if refs, err = engine.UpIDs(ctx); err != nil {
			return err
		}
	}
	for _, ref := range refs {
		if slices.ContainsFunc(swept, func(s snapshots.StaleInstance) bool { return s.Is(ref) }) {
			continue
		}
		if err := engine.Down(ctx, ref); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "lab %s is down\n", ref)
	}
	return nil
}
