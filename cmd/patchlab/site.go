package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/report"
	"github.com/patchlab/patchlab/lab/site"
)

func (a *app) siteCommand() *cobra.Command {
	var title string
	cmd := &cobra.Command{
		Use:   "site OUT",
		Short: "Write static pages over all runs: per client, calendar, per patch, search",
		Long: `Writes pages over all runs and decisions of the ledger to the folder OUT: an
overview of each client, the calendar of nights, a page for each patch over all
clients, each run's report, and a search. They need no server: open index.html.
Written again, only what is new is made.`,
		Example: "  patchlab site ~/patchlab-site\n  patchlab site /srv/www/patchlab --title \"Patch tests of Hill IT\"",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.site(cmd.Context(), args[0], title) },
	}
	cmd.Flags().StringVar(&title, "title", "", "what the pages are called (default: patchlab)")
	return cmd
}

func (a *app) site(ctx context.Context, out, title string) error {
	g, err := a.ledger()
	if err != nil {
		return err
	}
	entries, err := g.Entries(ledger.Filter{})
	if err != nil {
		return untrusted(err)
	}
	entryOf := map[string]ledger.Entry{}
	for _, e := range entries {
		if e.Run != nil {
			entryOf[filepath.Join(g.Runs, e.Lab, e.Run.ID)] = e
		}
	}
	written, err := site.Write(ctx, out, site.Options{
		Entries: entries, Title: title, Now: time.Now(), Version: version(),
		RunDir: func(e ledger.Entry) string {
			dir := filepath.Join(g.Runs, e.Lab, e.Run.ID)
			if _, err := os.Stat(filepath.Join(dir, "run.json")); err != nil {
				return ""
			}
			return dir
		},
		Report: func(dir string, rec *lab.Record) ([]byte, error) {
			if err := g.Check(entryOf[dir]); err != nil {
				return nil, err // it has the ledger's page then
			}
			var b bytes.Buffer
			err := report.HTML(&b, rec, dir)
			return b.Bytes(), err
		},
	})
	if err != nil {
		return err
	}
	for _, p := range written.Problems {
		fmt.Fprintln(a.stderr, lab.Printable(p, 400))
	}
	_, err = fmt.Fprintf(a.stdout, "%d pages of %d runs: %s\n", written.Pages, written.Runs, filepath.Join(out, "index.html"))
	return err
}
