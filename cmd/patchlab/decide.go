package main

import (
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/patch"
)

func (a *app) approveCommand() *cobra.Command {
	var until string
	cmd := a.decideCommand(ledger.Approve, &until)
	cmd.Use, cmd.Short = "approve LAB PATCH", "Let a patch go out to a lab's client, whatever its runs say"
	cmd.Long = `Writes into the ledger that somebody lets PATCH, with the very bytes that it has
now, go out to the machines of the lab as its definition is now.
patchlab gate then lets it pass until the day of --until, or a later run fails,
or it is rejected.

` + decideHelp
	cmd.Example = `  patchlab approve examples/dental booking-good --reason "client asked for it, ticket 812"
  patchlab approve labs/dental ~/Downloads/kb5031.msu --reason "CVE is exploited" --until 2026-12-01`
	cmd.Flags().StringVar(&until, "until", "", "the last day on which it counts (2026-12-01)")
	return cmd
}

func (a *app) rejectCommand() *cobra.Command {
	var none string
	cmd := a.decideCommand(ledger.Reject, &none)
	cmd.Use, cmd.Short = "reject LAB PATCH", "Keep a patch from going out, whatever its runs say"
	cmd.Long = `Writes into the ledger that PATCH, with the very bytes that it has now, must not go
out to the machines of the lab. patchlab gate then refuses it, also when a run
passes, until somebody approves it.

` + decideHelp
	cmd.Example = `  patchlab reject examples/dental booking-broken --reason "no free slots shown"`
	return cmd
}

const decideHelp = `LAB is the folder of its definition, or its name when it was tested on this host.
PATCH is a patch's name in the definition, or the path of a file or folder.`

func (a *app) decideCommand(kind ledger.Kind, until *string) *cobra.Command {
	var d ledger.Decision
	var targets []string
	cmd := &cobra.Command{
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completePatches,
		RunE: func(_ *cobra.Command, args []string) error {
			end, err := lastMoment(*until, time.Now())
			if err != nil {
				return err
			}
			d.Until = end
			return a.decide(kind, args[0], args[1], targets, d)
		},
	}
	a.addFormat(cmd, "text", "json")
	a.addVars(cmd)
	cmd.Flags().StringVar(&d.By, "by", "", "who decides it (default: the name of this account)")
	cmd.Flags().StringVar(&d.Reason, "reason", "", "why (required)")
	cmd.Flags().StringSliceVar(&targets, "target", nil, "machines that a patch named by its path is for")
	return cmd
}

// lastMoment is the end of a day on this host; zero for no text.
func lastMoment(day string, now time.Time) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02", day, time.Local)
	if err != nil {
		return t, usagef("", "cannot use --until %q: want a day such as %s", day, now.AddDate(0, 0, 14).Format("2006-01-02"))
	}
	end := t.AddDate(0, 0, 1).Add(-time.Second)
	if end.Before(now) {
		return t, usagef("", "cannot use --until %s: it is over", day)
	}
	return end, nil
}

func (a *app) decide(kind ledger.Kind, dir, name string, targets []string, d ledger.Decision) error {
	if strings.TrimSpace(d.Reason) == "" {
		return usagef(`--reason "…"`, "a decision needs a --reason: whoever reads it later will ask")
	}
	if d.By == "" {
		who, err := user.Current()
		if err != nil {
			return usagef("--by NAME", "cannot find out who decides: %w", err)
		}
		d.By = who.Username
	}
	g, err := a.ledger()
	if err != nil {
		return err
	}
	if dir, err = a.labDir(g, dir); err != nil {
		return err
	}
	l, err := a.load(dir)
	if err != nil {
		return err
	}
	machines, err := findMachines(l, targets)
	if err != nil {
		return err
	}
	p, err := selectPatch(l, name, machines)
	if err != nil {
		return err
	}
	pin, err := patch.Pin(p)
	if err != nil {
		return err
	}
	f, err := l.Fingerprint(p)
	if err != nil {
		return err
	}
	e, err := g.Decide(kind, l, pin, f, d)
	if err != nil {
		if seal, ok := errors.AsType[*ledger.SealError](err); ok {
			return &lab.HostError{Op: "seal the decision, which is in the ledger", Err: seal, Hint: "PATCHLAB_SEAL_KEY names the key"}
		}
		return &lab.HostError{Op: "enter the decision in the ledger", Err: err, Hint: "patchlab verify looks at the ledger"}
	}
	if a.format == "json" {
		_, err := fmt.Fprintf(a.stdout, "%s\n", e.Line)
		return err
	}
	writeEntry(a.stdout, e)
	return nil
}
