package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab/agent"
)

// instanceStatus is one instance as `patchlab status --format json` prints it.
type instanceStatus struct {
	ID       string                `json:"id"`
	Lab      string                `json:"lab"`
	Dir      string                `json:"dir"` // of the definition
	Arm      string                `json:"arm"`
	PID      int                   `json:"pid"` // of the agent
	Accel    string                `json:"accel"`
	Started  time.Time             `json:"started"`
	State    string                `json:"state"` // "running", or why not
	Machines []agent.MachineStatus `json:"machines"`
}

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "List the instances on this host and their machines",
		Example: `  patchlab status
  patchlab status --format json | jq -r '.[].lab'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context()) },
	}
	a.addFormat(cmd, "text", "json")
	return cmd
}

func (a *app) status(ctx context.Context) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	instances, err := store.Instances(ctx)
	if err != nil {
		return err
	}
	list := []instanceStatus{}
	for _, i := range instances {
		list = append(list, ask(ctx, i.Spec))
	}
	if a.format == "json" {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	return a.statusTable(list)
}

// ask asks an instance's agent what it is doing.
func ask(ctx context.Context, spec *agent.Spec) instanceStatus {
	s := instanceStatus{ID: spec.ID, Lab: spec.Lab, Dir: spec.LabDir, Arm: spec.Arm, Accel: spec.Accel, State: "running"}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	st, err := agent.NewClient(spec.SocketPath()).Status(ctx)
	if err != nil {
		s.State = "its agent does not answer: patchlab down " + spec.ID
		return s
	}
	s.PID, s.Started, s.Machines = st.PID, st.Started, st.Machines
	return s
}

func (a *app) statusTable(list []instanceStatus) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no instance on this host")
		return err
	}
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "LAB\tINSTANCE\tFOR\tAGE\tMACHINE\tSTATE\tADDRESS")
	for _, i := range list {
		row := fmt.Sprintf("%s\t%s\t%s\t%s", i.Lab, i.ID, i.Arm, age(i.Started))
		if len(i.Machines) == 0 {
			fmt.Fprintf(tw, "%s\t-\t%s\t-\n", row, i.State)
		}
		for _, m := range i.Machines {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", row, m.Name, m.State.State, address(m))
			row = "\t\t\t"
		}
	}
	return tw.Flush()
}

func age(started time.Time) string {
	if started.IsZero() {
		return "-"
	}
	return seconds(time.Since(started).Round(time.Second))
}

// address is where a machine is, or "-" while it has none.
func address(m agent.MachineStatus) string {
	if !m.Address.IsValid() {
		return "-"
	}
	return m.Address.String()
}
