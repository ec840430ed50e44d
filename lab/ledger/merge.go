package ledger

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// MergeFrom takes over the ledger and the run records of another host, whose
// PATCHLAB_HOME is, or was copied to, home; and, with it, the ledgers that were
// merged there. Done again it takes over what has been added since. What was
// taken over before must still be there unaltered; that, or a problem in the
// other ledger, is ErrTampered and takes over nothing. Merged is what was
// taken over of the other host's own ledger: its Runs count the records that
// came, those of its merged ledgers included. A run record that is missing
// there is no problem: its entry is taken over and says so here.
//
// A merge that dies counts for nothing: what it has copied is passed over by
// all readers until the entry is written, which comes last; done again it goes
// on. Whatever is read there is untrusted: names lead nowhere else, symbolic
// links are not followed.
func (g *Ledger) MergeFrom(ctx context.Context, home string) (Merged, error) {
	other, err := g.otherHome(home)
	if err != nil {
		return Merged{}, err
	}
	theirs, err := other.open()
	if err != nil {
		return Merged{}, err
	}
	defer theirs.Close()
	if len(theirs.own().lines) == 0 && len(theirs.problems) == 0 {
		return Merged{}, usage(fmt.Sprintf("there is no ledger in %s", lab.Printable(home, 300)), "the other host's PATCHLAB_HOME is wanted")
	}
	w, err := g.write()
	if err != nil {
		return Merged{}, err
	}
	defer w.Close()
	if theirs.own().id == w.own().id {
		return Merged{}, usage(fmt.Sprintf("%s holds this host's own ledger", lab.Printable(home, 300)), "the other host's PATCHLAB_HOME is wanted")
	}
	m := &merge{writer: w, other: other, theirs: theirs}
	if err := m.verify(ctx); err != nil {
		return Merged{}, err
	}
	return m.take(ctx)
}

// otherHome is the ledger of another host as it is laid out in its home.
func (g *Ledger) otherHome(home string) (*Ledger, error) {
	home, err := filepath.Abs(home)
	if err != nil {
		return nil, hostError("find the other ledger", err)
	}
	other := &Ledger{Dir: filepath.Join(home, "ledger"), Runs: filepath.Join(home, "runs"), Now: g.Now}
	for _, dir := range []string{other.Dir, other.Runs} {
		info, err := os.Lstat(dir)
		if err == nil && !info.IsDir() {
			return nil, usage(fmt.Sprintf("%s is not a folder", lab.Printable(dir, 300)), "")
		}
		if err != nil && (dir == other.Dir || !os.IsNotExist(err)) {
			return nil, &lab.UsageError{Err: fmt.Errorf("cannot read the other ledger: %w", err), Hint: "the other host's PATCHLAB_HOME is wanted"}
		}
	}
	return other, nil
}

// merge is one merge.
type merge struct {
	*writer
	other  *Ledger
	theirs *shelf
	audit  *audit // of theirs
}

// verify looks at all that may be taken over: their chains and heads, and the
// seals and the records that are not here yet; and compares it with what was taken
// over before.
func (m *merge) verify(ctx context.Context) error {
	m.audit = newAudit(m.other, m.theirs)
	m.audit.skip, m.audit.skipSeal = m.have, m.haveSeal
	if err := m.audit.all(ctx); err != nil {
		return err
	}
	problems := slices.DeleteFunc(m.audit.out.Problems, func(p Problem) bool { return p.gone })
	if len(problems) > 0 {
		return fmt.Errorf("cannot merge %s: %w", lab.Printable(m.other.Dir, 300), tampered(problems))
	}
	for _, b := range m.theirs.books {
		ours, direct := m.book(b.id), b.merged == nil
		if ours == nil {
			continue
		}
		n := min(len(ours.lines), len(b.lines))
		same := bytes.Equal(ours.lines[n-1], b.lines[n-1]) // and so are all before: both chains hold
		lost := direct && n < len(ours.lines) || ours.merged == nil && n < len(b.lines)
		if !same || lost {
			return fmt.Errorf("cannot merge %s: %w: entry %d of ledger %s is not the one that this host has",
				lab.Printable(m.other.Dir, 300), ErrTampered, m.differ(ours, b), b.id)
		}
	}
	return m.conflicts()
}

// book returns this host's copy of a ledger, or its own; nil: it has none.
func (m *merge) book(id string) *book {
	for _, b := range m.books {
		if b.id == id {
			return b
		}
	}
	return nil
}

// differ is the number of the first entry that two copies have not both.
func (m *merge) differ(a, b *book) int {
	n := 0
	for n < min(len(a.lines), len(b.lines)) && bytes.Equal(a.lines[n], b.lines[n]) {
		n++
	}
	return n + 1
}

// have reports whether a run's folder is here.
func (m *merge) have(r keptRun) bool {
	_, err := os.Lstat(m.g.dirOf(r))
	return err == nil
}

// haveSeal reports whether the seal of an entry of another ledger is here.
func (m *merge) haveSeal(id string, n int) bool {
	_, err := os.Lstat(m.path(filepath.Join(hostsDir, id, sealPath(n))))
	return err == nil
}

// conflicts looks for runs whose folders are here with other contents.
func (m *merge) conflicts() error {
	for i := range m.theirs.books {
		if m.theirs.books[i].id == m.own().id {
			continue
		}
		for n := range m.audit.entries[i] {
			e := &m.audit.entries[i][n]
			if e.Kind != Run || !m.have(keptRun{e.Lab, e.Run.ID}) {
				continue
			}
			sum, err := sumsOf(m.g.dirOf(keptRun{e.Lab, e.Run.ID}))
			if err != nil || sum != e.Run.Sums {
				return fmt.Errorf("cannot merge %s: %w: run %s/%s is here with other contents",
					lab.Printable(m.other.Dir, 300), ErrTampered, e.Lab, e.Run.ID)
			}
		}
	}
	return nil
}

// take copies, each ledger by itself: what was merged there comes first, so
// that the entry of their own ledger is the last one.
func (m *merge) take(ctx context.Context) (Merged, error) {
	var last Merged
	runs := 0
	for i := len(m.theirs.books) - 1; i >= 0; i-- {
		b := m.theirs.books[i]
		if b.id == m.own().id {
			continue
		}
		merged, err := m.takeBook(ctx, i)
		if err != nil {
			return Merged{}, err
		}
		last = merged
		runs += merged.Runs
	}
	last.Runs = runs
	return last, m.seal()
}

// takeBook takes one ledger over: its lines, its head, its seals, its runs, and
// then the entry that makes them count.
func (m *merge) takeBook(ctx context.Context, i int) (Merged, error) {
	b := m.theirs.books[i]
	ours := m.book(b.id)
	older := ours != nil && len(ours.lines) > len(b.lines) // another host's copy
	if ours == nil || len(ours.lines) < len(b.lines) {
		if err := m.copyLines(b); err != nil {
			return Merged{}, hostError("copy the ledger", err)
		}
	}
	seals, err := m.copySeals(b)
	if err != nil {
		return Merged{}, hostError("copy the seals", err)
	}
	copied, missing, err := m.copyRuns(ctx, i)
	if err != nil {
		return Merged{}, err
	}
	merged := Merged{Ledger: b.id, Head: b.head(), Runs: copied, Missing: missing}
	if older {
		merged.Head, merged.Missing = ours.merged.Head, m.stillMissing(ours)
	}
	if ours != nil && ours.merged.Head == merged.Head && copied == 0 && seals == 0 {
		return merged, nil // nothing is new
	}
	if err := m.step("merge entry"); err != nil {
		return Merged{}, err
	}
	_, err = m.add(Entry{Kind: Merge, Merged: &merged})
	return merged, err
}

// stillMissing are the runs that were missing and have not come meanwhile.
func (m *merge) stillMissing(ours *book) []string {
	return slices.DeleteFunc(slices.Clone(ours.merged.Missing), func(path string) bool {
		return m.have(keptRun{filepath.Dir(path), filepath.Base(path)})
	})
}
