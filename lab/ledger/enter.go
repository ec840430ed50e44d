package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// Enter adds the entry of a run whose record is kept in rec.Dir, whose
// SHA256SUMS is there (see WriteSums). A run that is in already, here or in a
// ledger that was merged in, is left as it is and returned; another host's entry
// of other contents under its id does not keep it out. It waits for other
// processes that add entries. Errors: a *lab.HostError when it cannot be
// written, then nothing is added; ErrTampered when the ledger is not as it was
// left; *SealError when the entry is in, but its seal could not be made.
func (g *Ledger) Enter(rec *lab.Record) (Entry, error) {
	e, err := runEntry(rec)
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

// Adopt enters runs whose process died after the record was kept and before
// it was entered, oldest first. A folder without SHA256SUMS was made before
// there was a ledger, and is left alone; so is one whose record cannot be
// read, or is of another lab or run than its folder: each is told in the error
// when all others are entered.
func (g *Ledger) Adopt() ([]Entry, error) {
	runs, err := g.kept()
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	if todo, err := g.strangers(runs); err != nil || len(todo) == 0 {
		return nil, err // the usual case takes no lock
	}
	w, err := g.write()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	todo, err := w.strangers(g, runs)
	if err != nil {
		return nil, err
	}
	var out []Entry
	var errs []error
	for _, r := range slices.Backward(todo) {
		e, err := g.adopt(r)
		if err == nil {
			err = named(g.dirOf(r))
		}
		if err == nil {
			e, err = w.add(e)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot enter run %s of lab %q: %w", r.id, r.lab, err))
			continue
		}
		out = append(out, e)
	}
	return out, errors.Join(append(errs, w.seal())...)
}

// adopt makes the entry of a run that is found on the disk.
func (g *Ledger) adopt(r keptRun) (Entry, error) {
	rec, err := ReadRecord(g.dirOf(r))
	if err != nil {
		return Entry{}, err
	}
	if rec.Lab != r.lab || rec.Run != r.id {
		return Entry{}, hostError("read the run record", fmt.Errorf("it is of run %q of lab %q", rec.Run, rec.Lab))
	}
	return runEntry(rec)
}

func (g *Ledger) strangers(runs []keptRun) ([]keptRun, error) {
	s, err := g.whole()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.strangers(g, runs)
}

// strangers are those of the runs that could have an entry and have none.
func (s *shelf) strangers(g *Ledger, runs []keptRun) ([]keptRun, error) {
	in, err := s.known()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(runs), func(r keptRun) bool {
		if in[r] {
			return true
		}
		_, err := os.Lstat(filepath.Join(g.dirOf(r), sumsFile))
		return err != nil || !isRun(g.dirOf(r))
	}), nil
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

// known are the runs that have an entry, also in what a merge that was cut off
// has left: they are its runs, and it will be made again.
func (s *shelf) known() (map[keptRun]bool, error) {
	out := map[keptRun]bool{}
	add := func(lines [][]byte) {
		for _, text := range lines {
			if r, ok := claimOf(text); ok {
				out[r] = true
			}
		}
	}
	add(s.own().lines)
	ids, err := s.hosts()
	for _, id := range ids {
		c := &chain{}
		if _, e := c.read(s.root, filepath.Join(hostsDir, id)); e != nil {
			err = errors.Join(err, e)
		}
		add(c.lines)
	}
	if err != nil {
		return nil, hostError("read the ledger", err)
	}
	return out, nil
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
	w, err := g.write()
	if err != nil {
		return Entry{}, err
	}
	defer w.Close()
	e, err := w.add(Entry{Kind: kind, Lab: l.Name, Client: l.Client, Patch: &p, Definition: &f, Decision: &d})
	if err != nil {
		return Entry{}, err
	}
	return e, w.seal()
}
