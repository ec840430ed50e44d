package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) revertCommand() *cobra.Command {
	var verify bool
	cmd := &cobra.Command{
		Use:   "revert LAB [NAME]",
		Short: "Take a lab that is up back to a snapshot, and prove it",
		Long: `Drops what the machines of a lab that is up are now, and forks them from the
snapshot NAME again; without NAME, or with "ready", from the lab's ready state.
All go on from that instant, with their clocks set. Prints the revert receipt:
what shows that nothing of the later time is left. The exit code is 3 when that
could not be proven.

The frozen files that a snapshot is made of are compared by size and times; with
--verify they are read, all of them.`,
		Example: `  patchlab revert dental                  # to the ready state
  patchlab revert dental before-update
  patchlab revert dental before-update --verify --format json | jq .proven`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completePoints,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := snapshots.ReadyPoint
			if len(args) == 2 {
				name = args[1]
			}
			return a.revert(cmd.Context(), args[0], name, verify)
		},
	}
	a.addFormat(cmd, "text", "json")
	cmd.Flags().BoolVar(&verify, "verify", false, "read every frozen file instead of trusting sizes and times")
	return cmd
}

func (a *app) revert(ctx context.Context, ref, name string, verify bool) error {
	engine, err := a.engine()
	if err != nil {
		return err
	}
	var receipt lab.Receipt
	err = a.phaseOf(ctx, ref, "revert", func(p lab.Progress) (err error) {
		receipt, err = engine.Revert(ctx, ref, name, verify, p)
		return err
	})
	if err != nil {
		return err
	}
	return a.receipt(ref, name, receipt)
}

// receipt prints the receipt of a revert of lab ref to point name. One that
// proves nothing is exit code 3.
func (a *app) receipt(ref, name string, r lab.Receipt) error {
	var err error
	if a.format == "json" {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = writeReceipt(a.stdout, ref, name, r)
	}
	if err == nil && !r.Proven {
		return codeError(exitInconclusive)
	}
	return err
}

// writeReceipt prints a receipt for people: one line for each thing that is to
// be shown.
func writeReceipt(w io.Writer, ref, name string, r lab.Receipt) error {
	var b strings.Builder
	line := func(ok bool, text string) {
		word := "ok"
		if !ok {
			word = "NO"
		}
		fmt.Fprintf(&b, "  %-2s  %s\n", word, text)
	}
	files := "the frozen files are as they were, by size and times"
	if r.Check == "full" {
		files = "the frozen files are as they were, by SHA-256"
	}
	proven := "proven"
	if !r.Proven {
		proven = "NOT proven"
	}
	fmt.Fprintf(&b, "lab %s is reverted to %s: %s (%.1f s)\n", ref, name, proven, r.Seconds)
	line(r.Nonce, "memory: every machine holds the nonce that was saved")
	line(r.Marker, "disks and memory: no marker of the later time")
	line(r.Layers, fmt.Sprintf("%s (%d)", files, r.Files))
	line(r.Gone, "processes and files of the later time are gone")
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  problem: %s\n", lab.Printable(p, 400))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", lab.Printable(n, 400))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
