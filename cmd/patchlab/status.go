package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "List the instances on this host, what they take of it, and their machines",
		Long: `Lists the instances of all labs: what for (up, or the arm of a run), the process
id of the agent, the memory that is the instance's own + what it shares with
others (forks of one ready state share the pages that they don't change), the
disk that its folder occupies, and its machines.`,
		Example: `  patchlab status
  patchlab status --format json | jq -r '.[] | [.lab, .private_mib, .shared_mib] | @tsv'`,
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
	list, err := store.Usage(ctx)
	if err != nil {
		return err
	}
	if a.format == "json" {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(append([]snapshots.InstanceUsage{}, list...))
	}
	return writeStatus(a.stdout, list, time.Now())
}

// writeStatus prints one line for each machine; what belongs to the whole
// instance stands in its first.
func writeStatus(w io.Writer, list []snapshots.InstanceUsage, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "no instance on this host")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "LAB\tINSTANCE\tFOR\tAGENT\tAGE\tMEMORY\tDISK\tMACHINE\tSTATE\tADDRESS")
	for _, i := range list {
		pid := "-"
		if i.AgentPID != 0 {
			pid = strconv.Itoa(i.AgentPID)
		}
		row := fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d+%d MiB\t%d MiB", i.Lab, i.ID, i.Arm, pid, since(now.Sub(i.Created)),
			i.PrivateMiB, i.SharedMiB, i.DiskMiB)
		if len(i.Machines) == 0 {
			fmt.Fprintf(tw, "%s\t-\t%s\n", row, lab.Printable(i.State, 200))
		}
		for _, m := range i.Machines {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", row, m.Name, m.State.State, address(m))
			row = "\t\t\t\t\t\t"
		}
	}
	return tw.Flush()
}

// address is where a machine is, or "-" while it has none.
func address(m agent.MachineStatus) string {
	if !m.Address.IsValid() {
		return "-"
	}
	return m.Address.String()
}
