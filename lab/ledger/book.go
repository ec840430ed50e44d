package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
)

// book is a ledger of which the first entries count: this host's own, or one
// that was merged into it, as far as the merge says.
type book struct {
	id    string
	dir   string // below Ledger.Dir
	chain *chain
	lines [][]byte
	// merged is the newest merge of it; nil for the own one.
	merged *Merged
}

// head is where what counts of b ends.
func (b *book) head() Head {
	return Head{Entries: len(b.lines), SHA256: lineSum(b.lines[len(b.lines)-1])}
}

// shelf is all that a ledger's folder holds.
type shelf struct {
	root     *os.Root // of Ledger.Dir; nil: there is none
	books    []*book  // the own one first
	problems []Problem
}

func (s *shelf) Close() {
	if s.root != nil {
		_ = s.root.Close()
	}
}

func (s *shelf) own() *book { return s.books[0] }

// open reads the ledger and those that were merged into it. What looks wrong
// may be somebody adding to it: so it is looked at again when nobody can.
func (g *Ledger) open() (*shelf, error) {
	s, err := g.read()
	if err != nil || len(s.problems) == 0 {
		return s, err
	}
	lock := flock.New(filepath.Join(g.Dir, lockFile), flock.SetFlag(os.O_RDONLY))
	if lock.RLock() != nil {
		return s, nil // there never was anybody, or it is no place to write
	}
	defer func() { _ = lock.Close() }()
	s.Close()
	return g.read()
}

// whole is open for those who can do nothing with an altered ledger.
func (g *Ledger) whole() (*shelf, error) {
	s, err := g.open()
	if err != nil {
		return nil, err
	}
	if len(s.problems) > 0 {
		s.Close()
		return nil, tampered(s.problems)
	}
	return s, nil
}

func (g *Ledger) read() (*shelf, error) {
	s := &shelf{}
	root, err := os.OpenRoot(g.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		s.books = []*book{{chain: &chain{last: zeros}}}
		return s, nil
	}
	if err != nil {
		return nil, hostError("read the ledger", err)
	}
	s.root = root
	c, problems, err := readChain(root, ".")
	if err == nil {
		s.problems = problems
		s.books = []*book{{id: c.id, dir: ".", chain: c, lines: c.lines}}
		err = s.readMerged()
	}
	if err != nil {
		s.Close()
		return nil, hostError("read the ledger", err)
	}
	return s, nil
}

// readMerged reads the ledgers of other hosts as far as they count. One that
// no entry speaks of is of a merge that was cut off: it does not count.
func (s *shelf) readMerged() error {
	merges := s.merges()
	for _, id := range slices.Sorted(maps.Keys(merges)) {
		b := &book{id: id, dir: filepath.Join(hostsDir, id), merged: merges[id], chain: &chain{}}
		problems, err := b.chain.read(s.root, b.dir)
		if err != nil {
			return err
		}
		problems = append(problems, b.chain.follow(false)...)
		problems = append(problems, b.count()...)
		for i := range problems {
			problems[i].Ledger = id
		}
		s.problems = append(s.problems, problems...)
		s.books = append(s.books, b)
	}
	return nil
}

// merges returns the newest merge of each ledger that the own one speaks of.
func (s *shelf) merges() map[string]*Merged {
	out := map[string]*Merged{}
	for i, line := range s.own().lines {
		if !bytes.Contains(line, []byte(`"kind":"merge"`)) {
			continue
		}
		var e Entry
		if json.Unmarshal(line, &e) != nil || e.Kind != Merge {
			continue
		}
		if e.Merged == nil || !ledgerID.MatchString(e.Merged.Ledger) || e.Merged.Ledger == s.own().id || e.Merged.Head.Entries < 1 {
			s.problems = append(s.problems, Problem{Seq: i + 1, File: linesFile, Text: "does not say what was merged"})
			continue
		}
		out[e.Merged.Ledger] = e.Merged
	}
	return out
}

// count keeps of a merged ledger what the merge vouches for, and compares it.
// More is of a merge that was cut off; its head may be there already or not.
func (b *book) count() []Problem {
	want, c := b.merged.Head, b.chain
	n := len(c.lines)
	if n < want.Entries {
		b.lines = c.lines
		text := fmt.Sprintf("the end was cut off: there are %d of %d entries", n, want.Entries)
		return []Problem{{Seq: n + 1, File: filepath.Join(b.dir, linesFile), Text: text}}
	}
	b.lines = c.lines[:want.Entries]
	var problems []Problem
	if lineSum(b.lines[want.Entries-1]) != want.SHA256 {
		problems = append(problems, Problem{
			Seq: want.Entries, File: filepath.Join(b.dir, linesFile), Text: "was altered: it is not what was merged",
		})
	}
	if c.id != b.id {
		problems = append(problems, Problem{Seq: 1, File: filepath.Join(b.dir, linesFile), Text: "begins another ledger"})
	}
	if !bytes.Equal(c.head, headText(want.Entries, want.SHA256)) && !bytes.Equal(c.head, headText(n, c.last)) {
		problems = append(problems, Problem{File: filepath.Join(b.dir, headFile), Text: "is not as it was merged"})
	}
	return problems
}

// hosts lists the folders of other hosts' ledgers, also of those that no entry
// speaks of.
func (s *shelf) hosts() ([]string, error) {
	if s.root == nil {
		return nil, nil
	}
	list, err := fs.ReadDir(s.root.FS(), hostsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, d := range list {
		if !strings.HasPrefix(d.Name(), ".") {
			ids = append(ids, d.Name())
		}
	}
	return ids, err
}
