package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this host and print what mends each finding",
		Long: `Checks packages, KVM, memory, disk, permissions and the place for sockets, and
prints the command that mends each finding. The exit code is 3 when something is
missing that patchlab cannot run without.`,
		Example: "  patchlab doctor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := snapshots.Examine(cmd.Context(), a.getenv)
			if a.format == "json" {
				e := json.NewEncoder(a.stdout)
				e.SetIndent("", "  ")
				if err := e.Encode(findings); err != nil {
					return err
				}
			} else if err := a.doctorList(findings); err != nil {
				return err
			}
			for _, f := range findings {
				if f.Status == snapshots.StatusFail {
					return codeError(exitInconclusive)
				}
			}
			return nil
		},
	}
	a.addFormat(cmd, "text", "json")
	return cmd
}

func (a *app) doctorList(findings []snapshots.Finding) error {
	for _, f := range findings {
		if _, err := fmt.Fprintf(a.stdout, "%-5s %s: %s\n", f.Status, f.Name, f.Detail); err != nil {
			return err
		}
		if f.Fix != "" && f.Status != snapshots.StatusOK {
			fmt.Fprintf(a.stdout, "      mend it: %s\n", f.Fix)
		}
	}
	return nil
}
