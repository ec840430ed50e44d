package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) snapshotsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshots LAB",
		Short: "List the snapshots of a lab that is up",
		Long: `Prints the snapshots of a lab that is up as a tree: each stands below what the
lab was when it was taken, all below the ready state. The one that the lab was
last saved as or reverted to is marked as current.`,
		Example: `  patchlab snapshots dental
  patchlab snapshots dental --format json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeLabs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.snapshots(cmd.Context(), args[0])
		},
	}
	a.addFormat(cmd, "text", "json")
	return cmd
}

func (a *app) snapshots(ctx context.Context, ref string) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	points, err := (&snapshots.Engine{Store: store}).Points(ctx, ref)
	if err != nil {
		return err
	}
	if a.format == "json" {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(append([]snapshots.Point{}, points...))
	}
	return writePoints(a.stdout, points, time.Now())
}

// writePoints prints the tree of points, which come parents first.
func writePoints(w io.Writer, points []snapshots.Point, now time.Time) error {
	known := map[string]bool{}
	kids := map[string][]snapshots.Point{}
	for _, p := range points {
		parent := p.Parent
		if !known[parent] {
			parent = ""
		}
		kids[parent] = append(kids[parent], p)
		known[p.Name] = true
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SNAPSHOT\tTAKEN\tSIZE")
	for _, p := range kids[""] {
		writePoint(tw, p, kids, "", "", now)
	}
	return tw.Flush()
}

// writePoint prints one point, after branch, and those below it, each after
// prefix.
func writePoint(w io.Writer, p snapshots.Point, kids map[string][]snapshots.Point, branch, prefix string, now time.Time) {
	current := ""
	if p.Current {
		current = "\tcurrent"
	}
	fmt.Fprintf(w, "%s%s\t%s\t%s%s\n", branch, p.Name, ago(now.Sub(p.Created)), size(p.Bytes), current)
	below := kids[p.Name]
	for i, k := range below {
		if i == len(below)-1 {
			writePoint(w, k, kids, prefix+"└─ ", prefix+"   ", now)
		} else {
			writePoint(w, k, kids, prefix+"├─ ", prefix+"│  ", now)
		}
	}
}
