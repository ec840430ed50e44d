package ledger

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/patchlab/patchlab/lab"
)

// Verified is what Verify looked at.
type Verified struct {
	Ledgers  int       `json:"ledgers"`
	Entries  int       `json:"entries"`
	Runs     int       `json:"runs"`   // whose folders were compared
	Pruned   int       `json:"pruned"` // whose folders are gone, as an entry says
	Seals    int       `json:"seals"`
	Unsealed int       `json:"unsealed"`
	Trusted  bool      `json:"trusted"` // seals were compared with the operators' keys
	Problems []Problem `json:"problems"`
	// Notes are what is not as it will be, without anybody having altered
	// anything: a run that is not entered yet, a merge or a removal that was
	// cut off, entries without a seal among others that have one.
	Notes []Problem `json:"notes"`
}

// Verify reads everything: the chains, the heads, the seals, and every file of
// every run record. Signers is the path of an allowed_signers file
// (ssh-keygen(1)); empty: seals are only looked at for being of their entries,
// by whomever. Problems are no error; an error is what kept it from looking: a
// *lab.UsageError when signers cannot be read, a *lab.HostError for the rest.
func (g *Ledger) Verify(ctx context.Context, signers string) (*Verified, error) {
	if signers != "" {
		f, err := os.Open(signers)
		if err != nil {
			return nil, &lab.UsageError{Err: fmt.Errorf("cannot read the operators' keys: %w", err)}
		}
		_ = f.Close()
	}
	s, err := g.open()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	a := newAudit(g, s)
	a.signers, a.out.Trusted = signers, signers != ""
	if err := a.all(ctx); err != nil {
		return nil, err
	}
	return a.out, nil
}

// audit is one look at everything.
type audit struct {
	g       *Ledger
	shelf   *shelf
	signers string
	entries [][]Entry // of each book; of lines that are none, zero
	// skip and skipSeal say which runs' folders and which seals of a ledger
	// need no look; nil: none.
	skip     func(keptRun) bool
	skipSeal func(id string, n int) bool

	mu  sync.Mutex // of out
	out *Verified
}

func newAudit(g *Ledger, s *shelf) *audit {
	return &audit{g: g, shelf: s, out: &Verified{Problems: append([]Problem{}, s.problems...), Notes: []Problem{}}}
}

func (a *audit) all(ctx context.Context) error {
	for _, b := range a.shelf.books {
		a.readBook(b)
	}
	if err := a.unfinished(); err != nil {
		return err
	}
	if err := a.seals(ctx); err != nil {
		return err
	}
	if err := a.runs(ctx); err != nil {
		return err
	}
	order := func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Ledger, b.Ledger), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Run, b.Run), cmp.Compare(a.File, b.File))
	}
	slices.SortStableFunc(a.out.Problems, order)
	slices.SortStableFunc(a.out.Notes, order)
	return nil
}

func (a *audit) problem(list ...Problem) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out.Problems = append(a.out.Problems, list...)
}

func (a *audit) note(p Problem) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out.Notes = append(a.out.Notes, p)
}

// readBook decodes the entries of a ledger. A line that the chain has shown
// to be altered already is not told of twice.
func (a *audit) readBook(b *book) {
	known := map[int]bool{}
	for _, p := range a.shelf.problems {
		known[p.Seq] = known[p.Seq] || p.Ledger == b.shownID()
	}
	entries := make([]Entry, len(b.lines))
	for i, text := range b.lines {
		err := decodeLine(text, i+1, &entries[i])
		if err == nil && (entries[i].Kind == Begin) != (i == 0) {
			err = fmt.Errorf("begins a ledger in the middle of one")
		}
		if err == nil {
			continue
		}
		entries[i] = Entry{}
		if !known[i+1] {
			a.problem(Problem{Ledger: b.shownID(), Seq: i + 1, File: filepath.Join(b.dir, linesFile), Text: err.Error()})
		}
	}
	a.entries = append(a.entries, entries)
	if len(b.lines) > 0 {
		a.out.Ledgers++
	}
	a.out.Entries += len(b.lines)
}

// unfinished notes what processes that died have left in the ledger.
func (a *audit) unfinished() error {
	s := a.shelf
	if s.own().chain.torn {
		a.note(Problem{File: linesFile, Text: "behind the last entry is the beginning of another: its process died; the next entry takes its place"})
	}
	if n := len(s.own().lines); s.own().chain.lags {
		a.note(Problem{Seq: n, File: headFile, Text: "the process died before it could note this entry here; the next entry puts it right"})
	}
	for _, b := range s.books[1:] {
		if more := len(b.chain.lines) - len(b.lines); more > 0 {
			a.note(Problem{Ledger: b.id, Text: fmt.Sprintf("a merge of %d more entries was cut off: merge again", more)})
		}
	}
	ids, err := s.hosts()
	if err != nil {
		return hostError("read the ledger", err)
	}
	for _, id := range ids {
		if !slices.ContainsFunc(s.books[1:], func(b *book) bool { return b.id == id }) {
			a.note(Problem{File: filepath.Join(hostsDir, id), Text: "no entry speaks of it, so it does not count: its merge was cut off"})
		}
	}
	return nil
}
