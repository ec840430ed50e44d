package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/report"
	"github.com/patchlab/patchlab/snapshots"
)

// ledger opens the store, and the ledger in it.
func (a *app) ledger() (*ledger.Ledger, error) {
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	return a.ledgerOf(store)
}

// ledgerOf is the ledger of a store.
func (a *app) ledgerOf(s *snapshots.Store) (*ledger.Ledger, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return &ledger.Ledger{Dir: s.LedgerDir(), Runs: s.AllRunsDir(), Host: host, SealKey: a.getenv("PATCHLAB_SEAL_KEY")}, nil
}

// writeReports puts the reports of a run into its folder, and the sums of all
// that is there. It is a lab.Tester's Keep. A report that cannot be written
// leaves its room, on a full disk, to the sums: with them the run still counts.
func writeReports(dir string, rec *lab.Record) error {
	return errors.Join(
		writeFile(filepath.Join(dir, "report.html"), func(w io.Writer) error { return report.HTML(w, rec, dir) }),
		writeFile(filepath.Join(dir, "junit.xml"), func(w io.Writer) error { return report.JUnit(w, rec) }),
		ledger.WriteSums(dir),
	)
}

// writeFile writes a new file, or none.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// enter puts a finished run into the ledger. A run that is not in it is no
// evidence, so it says so; one whose seal is missing is in.
func (a *app) enter(g *ledger.Ledger, rec *lab.Record) error {
	_, err := g.Enter(rec)
	if err == nil {
		return nil
	}
	if seal, ok := errors.AsType[*ledger.SealError](err); ok {
		return &lab.HostError{Op: fmt.Sprintf("seal the entry of run %s", rec.Run), Err: seal, Hint: "PATCHLAB_SEAL_KEY names the key"}
	}
	return &lab.HostError{
		Op: fmt.Sprintf("enter run %s in the ledger", rec.Run), Err: err,
		Hint: "the record is kept: patchlab gc enters it once that is mended; patchlab verify looks at the ledger",
	}
}

// enterKept enters a run beside whose record there may be an error, err: that
// not all reports could be written. With its sums it is evidence all the same.
func (a *app) enterKept(g *ledger.Ledger, rec *lab.Record, err error) error {
	if err != nil && !ledger.HasSums(rec.Dir) {
		return err
	}
	return errors.Join(err, a.enter(g, rec))
}

// isUnsealed reports whether all that is wrong is that an entry has no seal.
func isUnsealed(err error) bool {
	_, unsealed := errors.AsType[*ledger.SealError](err)
	return unsealed
}

func (a *app) ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ledger",
		Short:   "Take over the ledgers of other hosts",
		Long:    "The ledger is the history of runs and decisions on this host, and of other hosts as far as they were merged.",
		Example: "  patchlab ledger merge /backup/host2/patchlab",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.mergeCommand())
	return cmd
}

func (a *app) mergeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "merge HOME…",
		Short: "Take over the runs and decisions of other hosts",
		Long: `Takes over the ledgers and run records of other hosts into this one's. HOME is
the PATCHLAB_HOME of another host, or a copy of its folders ledger and runs. A
ledger that is not as it was written is refused, also one that has lost what was
taken over before. Done again it takes over what is new.

History, gate, export and site then speak of all hosts' runs. A lab has the same
name on every host, and another lab another name.`,
		Example: `  rsync -a host2:/var/lib/patchlab/ledger host2:/var/lib/patchlab/runs /backup/host2/
  patchlab ledger merge /backup/host2`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.merge(cmd.Context(), args) },
	}
	a.addFormat(cmd, "text", "json")
	return cmd
}

func (a *app) merge(ctx context.Context, homes []string) error {
	g, err := a.ledger()
	if err != nil {
		return err
	}
	var errs []error
	for _, home := range homes {
		merged, err := g.MergeFrom(ctx, home)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot merge %s: %w", home, err))
			continue
		}
		if a.format == "json" {
			errs = append(errs, a.encode(merged))
			continue
		}
		fmt.Fprintf(a.stdout, "merged %s: %d entries, %d runs that were not here\n", home, merged.Head.Entries, merged.Runs)
	}
	return errors.Join(errs...)
}

// encode prints a JSON document.
func (a *app) encode(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
