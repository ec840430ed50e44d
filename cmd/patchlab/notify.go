package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/night"
	"github.com/patchlab/patchlab/lab/notify"
	"github.com/patchlab/patchlab/lab/report"
	"github.com/patchlab/patchlab/snapshots"
)

func (a *app) notifyCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Send a trial message to all who are told of results",
		Long: `Sends a trial message to every target of the notification file, whatever its
occasion, and says what could not be sent. The file is notify.conf in
PATCHLAB_HOME unless --file names another; only its owner may read it. Each line
is an occasion and a URL:

  fail    mailto:jane@example.com
  change  ntfy://ntfy.example.com/patchlab
  always  webhook+https://hooks.example.com/patchlab?token=…

fail is anything but a pass; change is another result than the time before, or a
pass whose command did not end well; always is always. mailto goes through sendmail
(?from=ADDR says from whom), webhook gets JSON by POST, all else is for shoutrrr,
whose documentation lists the services.`,
		Example: "  patchlab notify\n  patchlab notify --file night.conf",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.tryNotify(cmd.Context(), file)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "the notification file")
	return cmd
}

func (a *app) tryNotify(ctx context.Context, file string) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	path := notifyFile(store, file)
	targets, err := notify.Load(path)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return usagef("patchlab notify --help shows what it holds", "%s names nobody", path)
	}
	for i := range targets {
		targets[i].When = notify.Always
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	m := notify.NewMessage(host, nil, exitOK, "This is a trial message of patchlab notify. All is well.\n", time.Now())
	m.Subject = "patchlab: a trial message from " + lab.Printable(host, 100)
	if err := (&notify.Notifier{Targets: targets}).Send(ctx, m); err != nil {
		return &lab.HostError{Op: "send all notifications", Err: err}
	}
	_, err = fmt.Fprintf(a.stdout, "sent to %s of %s\n", plural(len(targets), "target"), path)
	return err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func notifyFile(store *snapshots.Store, file string) string {
	if file != "" {
		return file
	}
	return filepath.Join(store.Home(), "notify.conf")
}

// telling is how results are told.
type telling struct {
	app     *app
	store   *snapshots.Store
	targets []notify.Target
	metrics string
	labs    *nightLabs // that the metrics are about; nil: all
	redact  func(string) string
}

// telling reads who is told, before anything is done.
func (a *app) telling(store *snapshots.Store, file, metrics string) (*telling, error) {
	if file != "" {
		if _, err := os.Stat(file); err != nil {
			return nil, usagef("patchlab notify --help shows what it holds", "cannot use --notify: %w", err)
		}
	}
	if metrics != "" {
		if err := notify.CheckMetricsPath(metrics); err != nil {
			return nil, err
		}
	}
	targets, err := notify.Load(notifyFile(store, file))
	return &telling{app: a, store: store, targets: targets, metrics: metrics}, err
}

// testTelling is how the results of a test are told: nil when no file says it.
func (a *app) testTelling(l *lab.Lab, file string) (*telling, error) {
	if file == "" {
		return nil, nil
	}
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	t, err := a.telling(store, file, "")
	if err == nil {
		t.redact = l.Redactor()
	}
	return t, err
}

// runs tells what came of runs; end is the error that the command ends with,
// and goes on to.
func (t *telling) runs(ctx context.Context, runs []*lab.Record, end error) error {
	if t == nil || len(runs) == 0 {
		return end
	}
	g, err := t.app.ledgerOf(t.store)
	if err != nil {
		return err
	}
	before := &past{g: g, labs: map[string][]ledger.Entry{}}
	var list []notify.Result
	var text strings.Builder
	code := exitOK
	for _, rec := range runs {
		r := notify.Result{
			Lab: rec.Lab, Client: rec.Client, Patch: rec.Patch.Name, Verdict: rec.Verdict, Code: verdictCode(rec.Verdict),
			Reason: rec.Reason, Run: rec.Run, Dir: rec.Dir, Seconds: rec.Seconds,
		}
		r.Before, err = before.Before(rec.Lab, rec.Patch.Name, rec.Started)
		code = worse(code, r.Code)
		list = append(list, r)
		_ = report.Text(&text, rec, false) // a Builder takes everything
		text.WriteString("\n")
		if err != nil {
			fmt.Fprintf(&text, "what it came to the time before is not known: %s\n", lab.Printable(err.Error(), 300))
		}
	}
	if err := t.send(context.WithoutCancel(ctx), list, code, text.String()); err != nil {
		said := t.app.exitCode(context.WithoutCancel(ctx), err) // says it
		if end == nil {
			return codeError(said)
		}
	}
	return end
}

// night tells what came of a night, and of trouble beside it, which may be nil.
// That somebody could not be told is an error, and that the metrics could not be
// written another one: they say no more than the ledger, and so will the next
// night's.
func (t *telling) night(ctx context.Context, g *ledger.Ledger, sum *night.Summary, trouble error) (sent, metrics error) {
	text, code := sum.Text(), sum.Code
	if trouble != nil {
		text += "\nBesides: " + lab.Printable(trouble.Error(), 2000) + "\n"
		if code == exitOK {
			code, _ = classify(trouble)
		}
	}
	return t.send(ctx, results(sum), code, text), t.writeMetrics(g, sum.Started, code)
}

// noNight tells that there was no night, and why, unless somebody looks on, or
// it is only that another one is at work.
func (t *telling) noNight(ctx context.Context, g *ledger.Ledger, started time.Time, why error) error {
	_, busy := errors.AsType[*lab.BusyError](why)
	if busy || errors.Is(why, context.Canceled) || isTerminal(t.app.stderr) {
		return nil
	}
	code, _ := classify(why)
	err := t.send(ctx, nil, code, "There was no night: "+lab.Printable(why.Error(), 2000)+"\n")
	return errors.Join(err, t.writeMetrics(g, started, code))
}

// send tells everybody whom it concerns.
func (t *telling) send(ctx context.Context, results []notify.Result, code int, text string) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	err = (&notify.Notifier{Targets: t.targets, Redact: t.redact}).Send(ctx, notify.NewMessage(host, results, code, text, time.Now()))
	if err != nil {
		return &lab.HostError{Op: "tell everybody", Err: err, Hint: "patchlab notify tries it out"}
	}
	return nil
}

// writeMetrics writes the file for node_exporter, where one is wanted.
func (t *telling) writeMetrics(g *ledger.Ledger, started time.Time, code int) error {
	if t.metrics == "" {
		return nil
	}
	entries, err := g.Entries(ledger.Filter{Kinds: []ledger.Kind{ledger.Run}})
	if err != nil {
		return untrusted(err)
	}
	if t.labs != nil {
		entries = t.labs.of(entries, g.Host)
	}
	err = notify.WriteMetrics(t.metrics, samples(entries, time.Now()), started, code, t.store.Bytes(), version())
	if err != nil {
		return &lab.HostError{Op: "write the metrics", Err: err}
	}
	return nil
}

// sampled is how long what came of a patch is told to the monitoring: one that
// was replaced, or whose lab is gone, must not raise an alarm for ever.
const sampled = 60 * 24 * time.Hour

// samples are the last run of each patch on each lab, by their names. Trials of
// a bisection, and runs of patches that a lab has no use for, say nothing of it.
func samples(newestFirst []ledger.Entry, now time.Time) []notify.Sample {
	type key struct{ lab, patch string }
	at := map[key]int{}
	var list []notify.Sample
	for _, e := range newestFirst {
		if e.Run.Trial || e.Run.Idle || now.Sub(e.Run.Started) > sampled {
			continue
		}
		k := key{e.Lab, e.Patch.Name}
		i, known := at[k]
		if !known {
			i = len(list)
			at[k] = i
			list = append(list, notify.Sample{
				Lab: e.Lab, Client: e.Client, Patch: e.Patch.Name, Verdict: e.Run.Verdict, Code: verdictCode(e.Run.Verdict),
				Started: e.Run.Started, Seconds: e.Run.Seconds,
			})
		}
		if e.Run.Verdict == lab.Pass && list[i].LastPass.IsZero() {
			list[i].LastPass = e.Run.Started
		}
	}
	return list
}

// median is the middle of values; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
