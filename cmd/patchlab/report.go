package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/report"
)

const runHelp = `RUN is a run's id or the unambiguous beginning of one, a lab's name for its newest
run, or the path of a record's folder.`

func (a *app) reportCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Write a run's report: HTML, JUnit XML, JSON, Markdown or text",
		Long: `Writes the report of a run. The HTML is one file that needs nothing else, for the
client or the printer; JUnit is for CI servers; Markdown for mail and tickets;
JSON is the run record itself, and schema, without RUN, what it is made of (JSON
Schema). A record that is not as the ledger has it is reported all the same, and
the exit code is 3.

` + runHelp,
		Example: `  patchlab report dental --format html -o dental.html
  patchlab report 20261123-0214 --format junit > junit.xml
  patchlab report dental --format markdown | mail -s "Patch test" office@example.com`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.format == "schema" && len(args) == 0 {
				_, err := a.stdout.Write(report.Schema())
				return err
			}
			if err := cobra.ExactArgs(1)(cmd, args); err != nil {
				return &lab.UsageError{Err: err, Hint: "patchlab runs lists what there is"}
			}
			rec, dir, err := a.record(args[0])
			if rec == nil {
				return err
			}
			if out == "" || out == "-" {
				return errors.Join(a.writeReport(a.stdout, rec, dir), err)
			}
			return errors.Join(writeWhole(out, func(w io.Writer) error { return a.writeReport(w, rec, dir) }), err)
		},
	}
	a.addFormat(cmd, "html", "junit", "json", "markdown", "text", "schema")
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to this file")
	return cmd
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	part := path + ".part"
	err := writeFile(part, write)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return &lab.HostError{Op: "write " + path, Err: errors.Join(err, os.RemoveAll(part))}
	}
	return nil
}

func (a *app) writeReport(w io.Writer, rec *lab.Record, dir string) error {
	switch a.format {
	case "html":
		return report.HTML(w, rec, dir)
	case "junit":
		return report.JUnit(w, rec)
	case "json":
		return report.JSON(w, rec)
	case "markdown":
		return report.Markdown(w, rec)
	case "schema":
		_, err := w.Write(report.Schema())
		return err
	default:
		return report.Text(w, rec, w == a.stdout && a.colour(a.stdout))
	}
}

// record reads the record of a run. One that is not as the ledger has it is
// returned beside the error that says so.
func (a *app) record(ref string) (rec *lab.Record, dir string, err error) {
	g, err := a.ledger()
	if err != nil {
		return nil, "", err
	}
	if dir, err = g.RunDir(ref); err != nil {
		return nil, "", err
	}
	if rec, err = ledger.ReadRecord(dir); err != nil {
		return nil, "", err
	}
	if filepath.Dir(filepath.Dir(dir)) != g.Runs {
		return rec, dir, nil // a copy somewhere else: nobody vouches for it
	}
	entries, err := g.Entries(ledger.Filter{Lab: filepath.Base(filepath.Dir(dir)), Kinds: []ledger.Kind{ledger.Run}})
	if err != nil {
		return rec, dir, untrusted(err)
	}
	for _, e := range entries {
		if e.Run.ID == filepath.Base(dir) {
			return rec, dir, untrusted(g.Check(e))
		}
	}
	return rec, dir, nil // of a patchlab without a ledger, or not entered yet
}

// completeRuns completes the newest runs.
func (a *app) completeRuns(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	g, err := a.ledger()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	entries, err := g.Entries(ledger.Filter{Kinds: []ledger.Kind{ledger.Run}, Limit: 50})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Run.ID+"\t"+lab.Printable(e.Lab+" "+e.Patch.Name, 100)+": "+string(e.Run.Verdict))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show RUN",
		Short:             "Show what a run found",
		Long:              "Shows what patchlab test printed at the end of a run.\n\n" + runHelp,
		Example:           "  patchlab show dental\n  patchlab show 20261123-021402-9c1f --format json | jq .findings",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			rec, _, err := a.record(args[0])
			if rec == nil {
				return err
			}
			return errors.Join(a.print(rec), err)
		},
	}
	a.addFormat(cmd, "text", "json")
	return cmd
}

func (a *app) compareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "compare RUN RUN",
		Short: "Show what is different between two runs",
		Long: `Shows what is different between two runs: the verdict, the patch's bytes, the
definition, the checks, and what changed on the machines.

` + runHelp,
		Example:           "  patchlab compare 20261122-0214 20261123-0214",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			one, _, err := a.record(args[0])
			if err != nil {
				return err
			}
			other, _, err := a.record(args[1])
			if err != nil {
				return err
			}
			return report.Compare(a.stdout, one, other)
		},
	}
}
