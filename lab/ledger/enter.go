package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/patchlab/patchlab/lab"
)

// Enter adds the entry of a run whose record is kept in rec.Dir, whose
// SHA256SUMS is there (see WriteSums). A run that is in already, here or in a
// ledger that was merged in, is left as it is and returned; another host's entry
// of other contents under its id does not keep it out. It waits for other
// processes that add entries. Errors: a *lab.HostError when it cannot be
// written (also when its patch has more files than an entry can name), then
// nothing is added; ErrTampered when the ledger is not as it was
// left; *SealError when the entry is in, but its seal could not be made.
func (g *Ledger) Enter(rec *lab.Record) (Entry, error) {
	e, err := runEntry(rec)
	if err == nil {
		_, err = lineOf(e)
	}
	if err != nil {
		return Entry{}, err
	}
	w, err := g.write()
	if err != nil {
		return Entry{}, err
	}
	defer w.Close()
	old, ok, err := w.find(keptRun{rec.Lab, rec.Run})
	if same := ok && (old.Of == w.own().id || old.Run.Sums == e.Run.Sums); same || err != nil {
		return old, err
	}
	if err := named(rec.Dir); err != nil {
		return Entry{}, err
	}
	if e, err = w.add(e); err != nil {
		return Entry{}, err
	}
	return e, w.seal()
}

// named makes the name of a run's folder last, before there is an entry of it.
func named(dir string) error {
	runs := filepath.Dir(dir) // of the lab
	if err := errors.Join(syncDir(runs), syncDir(filepath.Dir(runs))); err != nil {
		return hostError("keep the run record", err)
	}
	return nil
}

// find returns the entry of a run.
func (s *shelf) find(r keptRun) (e Entry, ok bool, err error) {
	for _, b := range s.books {
		for i, text := range b.lines {
			if claim, ok := claimOf(text); !ok || claim != r {
				continue
			}
			list, err := decode([]line{{book: b, n: i + 1, text: text}})
			if err != nil {
				return Entry{}, false, err
			}
			if e := list[0]; e.Kind == Run && e.Lab == r.lab && e.Run.ID == r.id {
				return e, true, nil
			}
		}
	}
	return Entry{}, false, nil
}

// claimOf is the run that a line is of, taken from it without decoding it.
func claimOf(text []byte) (keptRun, bool) {
	value := func(field string) string {
		_, rest, _ := bytes.Cut(text, []byte(field))
		v, _, _ := bytes.Cut(rest[:min(len(rest), 130)], []byte{'"'})
		return string(v)
	}
	r := keptRun{value(`"lab":"`), value(`"run":{"id":"`)}
	return r, r.lab != "" && r.id != ""
}

// Decide adds an approval or a rejection of a patch on a lab. Only an approval
// has an end. Who decided and why must be said: else it is a *lab.UsageError.
func (g *Ledger) Decide(kind Kind, l *lab.Lab, p lab.PatchRecord, f lab.Fingerprint, d Decision) (Entry, error) {
	d.By, d.Reason, d.Until = lab.Printable(d.By, 200), lab.Printable(d.Reason, 2000), d.Until.UTC()
	switch {
	case kind != Approve && kind != Reject:
		return Entry{}, usage(fmt.Sprintf("%q is no decision", kind), "")
	case d.By == "" || d.Reason == "":
		return Entry{}, usage("a decision needs somebody who made it, and a reason", "")
	case kind == Reject && !d.Until.IsZero():
		return Entry{}, usage("a rejection has no end: an approval lifts it", "")
	case !d.Until.IsZero() && !d.Until.After(g.now()):
		return Entry{}, usage("the approval would have ended already", "")
	}
	if _, err := runPath(l.Name, "run"); err != nil {
		return Entry{}, usage(err.Error(), "")
	}
	e := Entry{Kind: kind, Lab: l.Name, Client: l.Client, Patch: &p, Definition: &f, Decision: &d}
	if _, err := lineOf(e); err != nil {
		return Entry{}, err
	}
	w, err := g.write()
	if err != nil {
		return Entry{}, err
	}
	defer w.Close()
	if e, err = w.add(e); err != nil {
		return Entry{}, err
	}
	return e, w.seal()
}
