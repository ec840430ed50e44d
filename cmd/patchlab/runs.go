package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

func (a *app) runsCommand() *cobra.Command {
	f := ledger.Filter{Kinds: []ledger.Kind{ledger.Run}}
	var since duration
	var verdict string
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List runs, the newest first",
		Long: `Lists the runs in the ledger, the newest first. --patch takes a patch's name, the
name of one of its files, or the beginning of a SHA-256 of either.`,
		Example: `  patchlab runs
  patchlab runs --lab dental --verdict fail --since 30d
  patchlab runs --patch harbour-booking_1.2_all.deb --format json | jq -r .run.id`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f.Verdict = lab.Verdict(verdict)
			switch f.Verdict {
			case "", lab.Pass, lab.Fail, lab.Inconclusive:
			default:
				return usagef("patchlab runs --help", "unknown --verdict %q: want pass, fail or inconclusive", verdict)
			}
			return a.list(f, since.value(), a.writeRuns)
		},
	}
	a.addFormat(cmd, "text", "json")
	addFilter(cmd, &f, &since)
	cmd.Flags().StringVar(&f.Lab, "lab", "", "only of this lab")
	cmd.Flags().StringVar(&verdict, "verdict", "", "only with this verdict: pass, fail, inconclusive")
	_ = cmd.RegisterFlagCompletionFunc("verdict", cobra.FixedCompletions([]string{"pass", "fail", "inconclusive"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// addFilter gives cmd the flags that pick entries.
func addFilter(cmd *cobra.Command, f *ledger.Filter, since *duration) {
	cmd.Flags().StringVar(&f.Client, "client", "", "only of this client")
	cmd.Flags().StringVar(&f.Patch, "patch", "", "only of this patch: its name, one of its files, or the beginning of a SHA-256")
	cmd.Flags().Var(since, "since", "only the last so long (36h, 30d)")
	cmd.Flags().IntVar(&f.Limit, "limit", 30, "at most so many, 0: all")
}

// list prints the entries that f picks.
func (a *app) list(f ledger.Filter, since time.Duration, write func([]ledger.Entry) error) error {
	g, err := a.picker(&f, since)
	if err != nil {
		return err
	}
	entries, err := g.Entries(f)
	if err != nil {
		return err
	}
	return a.show(entries, write)
}

// picker checks what f is asked for, sets its time, and opens the ledger.
func (a *app) picker(f *ledger.Filter, since time.Duration) (*ledger.Ledger, error) {
	if f.Limit < 0 {
		return nil, usagef("", "--limit %d: want 0 or more", f.Limit)
	}
	if since > 0 {
		f.Since = time.Now().Add(-since)
	}
	return a.ledger()
}

// show prints entries. With --format json each is a line.
func (a *app) show(entries []ledger.Entry, write func([]ledger.Entry) error) error {
	if a.format != "json" {
		return write(entries)
	}
	for _, e := range entries { // as they stand: what was hashed
		if _, err := fmt.Fprintf(a.stdout, "%s\n", e.Line); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) writeRuns(entries []ledger.Entry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no run")
		return err
	}
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "RUN\tSTARTED\tLAB\tPATCH\tVERDICT\tREASON")
	for _, e := range entries {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Run.ID, stamp(e.Run.Started), lab.Printable(e.Lab, 40),
			lab.Printable(e.Patch.Name, 40), e.Run.Verdict, lab.Printable(e.Run.Reason, 100))
	}
	return tw.Flush()
}

// stamp is a time for people on this host.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func (a *app) historyCommand() *cobra.Command {
	var f ledger.Filter
	var since duration
	cmd := &cobra.Command{
		Use:   "history [LAB|PATCH]",
		Short: "Show what was tested and decided, the newest first",
		Long: `Shows the runs and decisions in the ledger, the newest first: all, those of a
lab, or those of a patch over all labs. PATCH is a patch's name, the name of one
of its files, or the beginning (8 digits or more) of a SHA-256.`,
		Example: `  patchlab history dental
  patchlab history openssl_3.0.17-1_amd64.deb
  patchlab history --since 7d --format json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.list(f, since.value(), a.writeHistory)
			}
			return a.history(args[0], f, since.value())
		},
	}
	a.addFormat(cmd, "text", "json")
	addFilter(cmd, &f, &since)
	f.Kinds = []ledger.Kind{ledger.Run, ledger.Approve, ledger.Reject}
	return cmd
}

// history lists what is known of a lab, else of a patch.
func (a *app) history(ref string, f ledger.Filter, since time.Duration) error {
	g, err := a.picker(&f, since)
	if err != nil {
		return err
	}
	entries, known, err := g.About(ref, f)
	switch {
	case err != nil:
		return err
	case known:
		return a.show(entries, a.writeHistory)
	case f.Patch != "":
		return usagef("patchlab runs lists what there is", "the ledger knows no lab %q", ref)
	}
	return usagef("patchlab runs lists what there is", "the ledger knows neither a lab nor a patch %q", ref)
}

func (a *app) writeHistory(entries []ledger.Entry) error {
	var b strings.Builder
	for _, e := range entries {
		writeEntry(&b, e)
	}
	if len(entries) == 0 {
		b.WriteString("nothing\n")
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// writeEntry writes what an entry tells, on one line.
func writeEntry(w io.Writer, e ledger.Entry) {
	patch := lab.Printable(e.Patch.Name, 60) + " (" + short(e.Patch.SHA256) + ")"
	on := "on " + lab.Printable(e.Lab, 60)
	switch {
	case e.Run != nil:
		fmt.Fprintf(w, "%s  %-12s  %s %s: %s  [%s]\n", stamp(e.Run.Started), e.Run.Verdict, patch, on, lab.Printable(e.Run.Reason, 160), e.Run.ID)
	case e.Decision != nil:
		until := ""
		if !e.Decision.Until.IsZero() {
			until = " until " + stamp(e.Decision.Until)
		}
		word := map[ledger.Kind]string{ledger.Approve: "approved", ledger.Reject: "rejected"}[e.Kind]
		fmt.Fprintf(w, "%s  %-12s  %s %s%s by %s: %s\n", stamp(e.Time), word, patch, on, until,
			lab.Printable(e.Decision.By, 80), lab.Printable(e.Decision.Reason, 200))
	}
}

// short is the beginning of a hash.
func short(sum string) string { return sum[:min(12, len(sum))] }
