package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
)

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan DIR",
		Short: "Show what a run would create: machines in boot order, networks, memory, disk",
		Example: `  patchlab plan examples/dental
  patchlab plan examples/dental --format json | jq .memory_mib`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := a.load(args[0])
			if err != nil {
				return err
			}
			plan := lab.NewPlan(l)
			if a.format == "json" {
				e := json.NewEncoder(a.stdout)
				e.SetIndent("", "  ")
				return e.Encode(plan)
			}
			return plan.WriteTree(a.stdout)
		},
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	return cmd
}
