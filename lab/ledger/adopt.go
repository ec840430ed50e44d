package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// Adopt enters runs whose process died after the record was kept and before
// it was entered, oldest first. One whose disk was too full for SHA256SUMS gets
// that list now; a record that does not say on which definition it was made is
// of before there was a ledger, and is left alone without one. A record that
// cannot be read, or is of another lab or run than its folder, is told in the
// error when all others are entered.
func (g *Ledger) Adopt() ([]Entry, error) {
	runs, err := g.kept()
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	s, err := g.whole()
	if err != nil {
		return nil, err
	}
	todo, err := s.strangers(g, runs)
	s.Close()
	if err != nil || len(todo) == 0 {
		return nil, err // the usual case takes no lock
	}
	out, unsealed, err := g.adoptAll(todo)
	return out, errors.Join(err, unsealed)
}

// complete is whole with all runs of a lab in it that are kept: what the gate
// says must not hang on whether somebody has come by to adopt them.
func (g *Ledger) complete(labName string) (*shelf, error) {
	runs, err := g.keptOf(labName)
	if err != nil {
		return nil, err
	}
	s, err := g.whole()
	if err != nil {
		return nil, err
	}
	todo, err := s.strangers(g, runs)
	if err == nil && len(todo) == 0 {
		return s, nil
	}
	s.Close()
	if err != nil {
		return nil, err
	}
	// An entry without its seal is one: the next gets it.
	if _, _, err := g.adoptAll(todo); err != nil {
		return nil, &lab.HostError{
			Op:  fmt.Sprintf("tell what a run said that is kept and not entered (%s)", names(todo)),
			Err: err, Hint: "patchlab gc enters what can be entered; what cannot is to be mended or removed",
		}
	}
	return g.whole()
}

// adoptAll enters those of runs, the newest first, that nobody has entered
// meanwhile. Unsealed is what kept the entries from being sealed.
func (g *Ledger) adoptAll(runs []keptRun) (out []Entry, unsealed, err error) {
	w, err := g.write()
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	todo, err := w.strangers(g, runs)
	if err != nil {
		return nil, nil, err
	}
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
	return out, w.seal(), errors.Join(errs...)
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
	if !HasSums(rec.Dir) {
		// A process that died while it wrote them has left its temporary file.
		left, _ := filepath.Glob(filepath.Join(rec.Dir, "."+sumsFile+"*"))
		for _, path := range left {
			_ = os.Remove(path) // what stays is found to have been added
		}
		if err := WriteSums(rec.Dir); err != nil {
			return Entry{}, err
		}
	}
	return runEntry(rec)
}

// strangers are those of the runs that could have an entry and have none.
func (s *shelf) strangers(g *Ledger, runs []keptRun) ([]keptRun, error) {
	in, err := s.known()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(runs), func(r keptRun) bool { return in[r] || !isEvidence(g.dirOf(r)) }), nil
}

// isEvidence reports whether a folder holds a run record that an entry is to
// be of. One that cannot be read may be.
func isEvidence(dir string) bool {
	if !isRun(dir) {
		return false
	}
	if HasSums(dir) {
		return true
	}
	rec, err := ReadRecord(dir)
	return err != nil || len(rec.Definition.Parts) > 0
}

// HasSums reports whether a run's folder holds SHA256SUMS: without it no entry
// can vouch for the run.
func HasSums(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, sumsFile))
	return err == nil
}

// known are the runs that have an entry, also in what a merge that was cut off
// has left: they are its runs, and it will be made again.
func (s *shelf) known() (map[keptRun]bool, error) {
	out := map[keptRun]bool{}
	read := map[string]bool{}
	add := func(lines [][]byte) {
		for _, text := range lines {
			if r, ok := claimOf(text); ok {
				out[r] = true
			}
		}
	}
	for _, b := range s.books {
		read[b.id] = true
		add(b.chain.lines)
	}
	ids, err := s.hosts()
	for _, id := range ids {
		if read[id] {
			continue
		}
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
