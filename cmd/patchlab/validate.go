package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "validate DIR",
		Short:   "Check a lab definition and report every mistake at once",
		Example: "  patchlab validate examples/dental",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := a.load(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "lab %q is valid: %d machines, %d networks, %d patches, %d checks\n",
				l.Name, len(l.Machines), len(l.Networks), len(l.Patches), len(l.Checks))
			return err
		},
	}
	a.addVars(cmd)
	return cmd
}
