package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up DIR",
		Short: "Bring a lab up and leave it running, to look around in it",
		Long: `Makes an instance of the lab defined in DIR, a fork of its ready state, and
leaves it running until patchlab down. Where there is no ready state that fits
(patchlab plan tells), it is made first: the machines boot and are set up in
dependency order.`,
		Example: `  patchlab up examples/dental
  patchlab up examples/dental --wait 30m              # for memory that others hold
  patchlab ssh dental web -- systemctl status apache2
  patchlab down dental`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.up(cmd.Context(), args[0]) },
	}
	a.addVars(cmd)
	a.addWait(cmd)
	return cmd
}

func (a *app) up(ctx context.Context, dir string) error {
	l, err := a.load(dir)
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	ui := a.newUI()
	err = engine.Up(ctx, l, ui)
	ui.Close()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "lab %q is up\n  patchlab ssh %s %s\n  patchlab status\n  patchlab down %s\n",
		l.Name, l.Name, l.Machines[0].Name, l.Name)
	return err
}
