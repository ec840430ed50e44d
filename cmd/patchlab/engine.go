package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/snapshots"
	"github.com/patchlab/patchlab/snapshots/virt"
)

// engine opens the store and chooses the accelerator, which it says once
// when it is not the fast one.
func (a *app) engine() (*snapshots.Engine, error) {
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	accel, reason, err := snapshots.ChooseAccel(a.getenv)
	if err != nil {
		return nil, err
	}
	if accel != agent.AccelKVM {
		fmt.Fprintf(a.stderr, "machines are emulated, which is slow: %s\n", reason)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, &lab.HostError{Op: "find the patchlab program", Err: err}
	}
	return &snapshots.Engine{
		Store: store, Accel: accel, AgentArgv: []string{self, "agent"},
		Wait: a.wait, Say: a.remarks(),
	}, nil
}

// remarks returns what shows the remarks of an engine: each once, however
// often it is made.
func (a *app) remarks() func(line string) {
	var said sync.Map
	return func(line string) {
		if _, again := said.LoadOrStore(line, true); again {
			return
		}
		line = lab.Printable(line, 400)
		if ui := a.display.Load(); ui != nil {
			ui.remark(line)
		} else {
			fmt.Fprintln(a.stderr, line)
		}
	}
}

// agentCommand is the process of one instance. Users have no need of it.
func (a *app) agentCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "agent SPEC",
		Short:   "Be the process of one instance (started by the other commands)",
		Example: "  patchlab agent INSTANCE/instance.json",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return agent.Main(cmd.Context(), args[0], virt.Open)
		},
	}
}

// running finds the instance of a lab that is up: by the lab's name, its
// folder, or the instance's id.
func (a *app) running(ctx context.Context, ref string) (*snapshots.Running, error) {
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	return store.Running(ctx, ref)
}

// completeLabs completes the names of labs that are up.
func (a *app) completeLabs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	store, err := a.store()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	up, err := store.Up(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, i := range up {
		names = append(names, fmt.Sprintf("%s\t%s", i.Spec.Lab, i.Spec.LabDir))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeMachines completes a lab that is up, then its machines.
func (a *app) completeMachines(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return a.completeLabs(cmd, args, prefix)
	}
	r, err := a.running(cmd.Context(), args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, m := range r.Spec.Machines {
		names = append(names, m.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
