package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Entries returns the entries that f picks, of this ledger and of those that
// were merged into it, newest first (by run's start or entry's time, whichever
// the entry has; then by line). It follows the whole chain on the way:
// ErrTampered where it breaks.
func (g *Ledger) Entries(f Filter) ([]Entry, error) {
	s, err := g.whole()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.entries(f)
}

// About returns what f picks of a lab, or, where the ledger knows none called
// ref, of a patch: see Filter.Patch. Known reports whether there is either, also
// when f picks nothing of it. A ref that may be a patch is none where f has one
// already. It is Entries otherwise, and reads the ledger once.
func (g *Ledger) About(ref string, f Filter) (list []Entry, known bool, err error) {
	s, err := g.whole()
	if err != nil {
		return nil, false, err
	}
	defer s.Close()
	ways := []Filter{{Lab: ref, Kinds: f.Kinds, Limit: 1}}
	if f.Patch == "" {
		ways = append(ways, Filter{Patch: ref, Kinds: f.Kinds, Limit: 1})
	}
	for _, way := range ways {
		one := f
		one.Lab, one.Patch = cmp.Or(way.Lab, f.Lab), cmp.Or(way.Patch, f.Patch)
		list, err := s.entries(one)
		if len(list) > 0 || err != nil {
			return list, err == nil, err
		}
		// None of what is wanted: is there any?
		way.Own = f.Own
		some, err := s.entries(way)
		if len(some) > 0 || err != nil {
			return list, err == nil, err
		}
	}
	return []Entry{}, false, nil
}

// line is an entry that is not decoded yet.
type line struct {
	book *book
	n    int // 1-based
	text []byte
	when time.Time
}

// entries decodes no more than it must: what the sieve lets through, the
// newest first, until there are enough.
func (s *shelf) entries(f Filter) ([]Entry, error) {
	sieve := f.sieve()
	var lines []line
	for _, b := range s.books {
		if f.Own && b.merged != nil {
			continue
		}
		for i, text := range b.lines {
			if when := whenOf(text); sieve.lets(text, when) {
				lines = append(lines, line{b, i + 1, text, when})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Or(b.when.Compare(a.when), cmp.Compare(b.n, a.n)) })
	out := []Entry{}
	for len(lines) > 0 && (f.Limit <= 0 || len(out) < f.Limit) {
		n := len(lines)
		if f.Limit > 0 {
			n = min(n, max(64, 2*f.Limit))
		}
		some, err := decode(lines[:n])
		if err != nil {
			return nil, err
		}
		for i := range some {
			if f.picks(&some[i]) {
				out = append(out, some[i])
			}
		}
		lines = lines[n:]
	}
	sortNewest(out)
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

func sortNewest(list []Entry) {
	slices.SortStableFunc(list, func(a, b Entry) int {
		return cmp.Or(b.When().Compare(a.When()), cmp.Compare(b.Seq, a.Seq))
	})
}

// decode reads lines on all processors.
func decode(lines []line) ([]Entry, error) {
	out := make([]Entry, len(lines))
	var group errgroup.Group
	parts := min(runtime.GOMAXPROCS(0), len(lines)/64+1)
	for p := range parts {
		group.Go(func() error {
			for i := p * len(lines) / parts; i < (p+1)*len(lines)/parts; i++ {
				l := lines[i]
				if err := decodeLine(l.text, l.n, &out[i]); err != nil {
					return tampered([]Problem{{Ledger: l.book.shownID(), Seq: l.n, Text: err.Error()}})
				}
				out[i].Line, out[i].Of = l.text, l.book.id
			}
			return nil
		})
	}
	return out, group.Wait()
}

// shownID is the book's id as a Problem has it.
func (b *book) shownID() string {
	if b.merged == nil {
		return ""
	}
	return b.id
}

// lineOf is e as a line. One that is too long to be read again is an error:
// whoever asks early has had no effect yet.
func lineOf(e Entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err == nil && len(text) > maxLine {
		err = fmt.Errorf("it would have %d bytes, and %d is the most: put the patch's files into one archive, and test that", len(text), maxLine)
	}
	if err != nil {
		return nil, hostError("make an entry for the ledger", err)
	}
	return text, nil
}

// decodeLine reads the entry in line n of a ledger. What has no meaning is an
// error: such a line was not written by patchlab.
func decodeLine(text []byte, n int, e *Entry) error {
	if err := json.Unmarshal(text, e); err != nil {
		return fmt.Errorf("is no entry: %w", err)
	}
	switch {
	case e.Seq != n:
		return fmt.Errorf("says that it is entry %d", e.Seq)
	case e.Kind == Run && e.Run == nil:
		return fmt.Errorf("says nothing of its run")
	case (e.Kind == Approve || e.Kind == Reject) && e.Decision == nil:
		return fmt.Errorf("says nothing of its decision")
	case (e.Kind == Run || e.Kind == Approve || e.Kind == Reject) && (e.Patch == nil || e.Definition == nil):
		return fmt.Errorf("says nothing of its patch or definition")
	case e.Kind == Merge && e.Merged == nil:
		return fmt.Errorf("does not say what was merged")
	}
	if e.Kind == Run {
		if _, err := runPath(e.Lab, e.Run.ID); err != nil {
			return err
		}
	}
	return nil
}
