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
			_, err = fmt.Fprintf(a.stdout, "lab %q is valid: %s, %s, %s, %s\n", l.Name,
				count(len(l.Machines), "machine", "s"), count(len(l.Networks), "network", "s"),
				count(len(l.Patches), "patch", "es"), count(len(l.Checks), "check", "s"))
			return err
		},
	}
	a.addVars(cmd)
	return cmd
}

// count writes a number with its noun.
func count(n int, noun, plural string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s%s", n, noun, plural)
}
