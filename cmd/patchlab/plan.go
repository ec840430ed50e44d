package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

// What a plan says of the ready state, as snapshots.ReadyPlan has it.
const (
	readyThere = "ready"
	readyStale = "stale"
	readyNone  = "none"
)

// plannedRun is what `patchlab plan --format json` prints.
type plannedRun struct {
	*lab.Plan
	// ReadyState is missing where this host could not be asked.
	ReadyState *snapshots.ReadyPlan `json:"ready_state,omitempty"`
}

func (a *app) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan DIR",
		Short: "Show what a run would create: machines in boot order, networks, memory, disk",
		Long: `Shows what a run of the lab defined in DIR would create, and whether its ready
state is on this host already: then no machine is booted and set up again.
Nothing is created by looking.`,
		Example: `  patchlab plan examples/dental
  patchlab plan examples/dental --format json | jq .memory_mib
  patchlab plan examples/dental --format json | jq -r .ready_state.state`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.plan(cmd.Context(), args[0]) },
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	return cmd
}

func (a *app) plan(ctx context.Context, dir string) error {
	l, err := a.load(dir)
	if err != nil {
		return err
	}
	out := plannedRun{Plan: lab.NewPlan(l)}
	ready, unknown := a.planReady(ctx, l)
	if unknown == nil {
		out.ReadyState = &ready
	}
	if a.format == "json" {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	if err := out.WriteTree(a.stdout); err != nil {
		return err
	}
	text := "unknown: "
	if unknown == nil {
		text = readyText(ready, time.Now())
	} else {
		text += lab.Printable(unknown.Error(), 400)
	}
	_, err = fmt.Fprintf(a.stdout, "ready state: %s\n", text)
	return err
}

// planReady says what a run would do about the ready state of l. A host on
// which nothing was ever done has none, and is left as it is: opening a store
// would make its folders.
func (a *app) planReady(ctx context.Context, l *lab.Lab) (snapshots.ReadyPlan, error) {
	none := snapshots.ReadyPlan{State: readyNone}
	home, err := snapshots.DefaultHome(a.getenv)
	if err != nil {
		return none, err
	}
	entries, err := os.ReadDir(home)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	accel, _, err := snapshots.ChooseAccel(a.getenv)
	if err != nil {
		return none, err
	}
	store, err := a.store()
	if err != nil {
		return none, err
	}
	return store.PlanReady(ctx, l, accel)
}

// readyText says what a run would do about the ready state.
func readyText(r snapshots.ReadyPlan, now time.Time) string {
	switch {
	case r.State == readyThere:
		return fmt.Sprintf("would be reused (built %s, %s)", ago(now.Sub(r.Created)), size(r.Bytes))
	case r.State == readyStale && len(r.Changed) > 0:
		return "would be rebuilt: " + lab.Printable(strings.Join(r.Changed, ", "), 400)
	case r.State == readyStale:
		return "would be rebuilt: the definition changed"
	default:
		return "would be built"
	}
}
