package main

import (
	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
)

func (a *app) graphCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "graph DIR",
		Short: "Draw the topology of a lab as Graphviz DOT or Mermaid",
		Example: `  patchlab graph examples/dental | dot -Tsvg > dental.svg
  patchlab graph examples/dental --format mermaid`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := a.load(args[0])
			if err != nil {
				return err
			}
			if a.format == "mermaid" {
				return lab.WriteMermaid(a.stdout, l)
			}
			return lab.WriteDOT(a.stdout, l)
		},
	}
	a.addFormat(cmd, "dot", "mermaid")
	a.addVars(cmd)
	return cmd
}
