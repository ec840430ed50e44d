package ledger

import (
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// bench holds what the ledger knows of a lab's patches, for judging files.
type bench struct {
	q        Question
	now      time.Time
	own      string   // id of this host's ledger
	entries  []*Entry // that say something of a patch, newest first
	sets     []*set   // newest first
	byFile   map[string][]*set
	pruned   map[runOf]*Entry // what says that its record was removed
	absent   map[runOf]bool   // whose records did not come with their ledger
	evidence func(*Entry) error
	checked  map[runOf]error
}

// runOf is a run as a ledger has it: another host may enter anything under
// the same id, and what it removes are its own records.
type runOf struct{ ledger, id string }

func keyOfRun(e *Entry) runOf { return runOf{e.Of, e.Run.ID} }

// set is a patch by the bytes of the files that go out with it: whatever it
// was called, and whatever lay beside it.
type set struct {
	files   hashes
	names   map[string]string // of the files, by their sums, as they were called last
	entries []*Entry          // newest first
	failed  []*Entry          // of entries the runs that failed
	against []*Entry          // rejections and failures that nothing in entries lifts
}

// newBench sorts entries, which are newest first, by the bytes they are about.
// Evidence says what is wrong with the record of a run.
func newBench(q Question, now time.Time, entries []Entry, evidence func(*Entry) error) *bench {
	b := &bench{
		q: q, now: now, evidence: evidence,
		byFile: map[string][]*set{}, pruned: map[runOf]*Entry{}, checked: map[runOf]error{},
	}
	byKey := map[string]*set{}
	for i := range entries {
		e := &entries[i]
		if e.Lab != q.Lab {
			continue
		}
		if e.Kind == Prune {
			for _, run := range e.Pruned {
				b.pruned[runOf{e.Of, run}] = e
			}
			continue
		}
		if !saysSomething(e) {
			continue
		}
		b.entries = append(b.entries, e)
		names := goingOut(e.Patch)
		key := keyOf(names)
		if byKey[key] == nil {
			byKey[key] = b.addSet(names)
		}
		byKey[key].entries = append(byKey[key].entries, e)
		if failed(e) {
			byKey[key].failed = append(byKey[key].failed, e)
		}
	}
	for _, s := range b.sets {
		s.against = b.standing(s)
	}
	return b
}

// saysSomething reports whether e is about bytes, and complete. A rejection
// that does not say by whom still is one.
func saysSomething(e *Entry) bool {
	switch {
	case e.Patch == nil || len(goingOut(e.Patch)) == 0:
		return false
	case e.Kind == Run:
		return e.Run != nil
	case e.Kind == Approve:
		return e.Decision != nil
	}
	return e.Kind == Reject
}

// goingOut are the names of p's files that go out with it, by their sums.
func goingOut(p *lab.PatchRecord) map[string]string {
	names := map[string]string{}
	for _, f := range p.Files {
		if !f.Beside {
			names[f.SHA256] = f.Name
		}
	}
	return names
}

func keyOf(names map[string]string) string {
	sums := make([]string, 0, len(names))
	for sum := range names {
		sums = append(sums, sum)
	}
	slices.Sort(sums)
	return strings.Join(sums, " ")
}

func (b *bench) addSet(names map[string]string) *set {
	s := &set{files: hashes{}, names: names}
	for sum := range names {
		s.files[sum] = true
		b.byFile[sum] = append(b.byFile[sum], s)
	}
	b.sets = append(b.sets, s)
	return s
}

// Which way an entry speaks.

func failed(e *Entry) bool { return e.Kind == Run && e.Run.Verdict == lab.Fail }

func passed(e *Entry) bool { return e.Kind == Run && e.Run.Verdict == lab.Pass }

func favours(e *Entry) bool { return e.Kind == Approve || passed(e) }

func opposes(e *Entry) bool { return e.Kind == Reject || failed(e) }

// lifts reports whether e, which favours, is an answer to x, which opposes, as
// far as their files go: it is later, a pass does not lift a rejection, and a
// failure only if it lacks nothing of what failed. An approval needs no more:
// whoever approved it knew.
func (b *bench) lifts(e, x *Entry) bool {
	return b.isLater(e, x) && (e.Kind == Approve || x.Kind != Reject && b.lacks(e, x) == "")
}

// standing are the rejections and failures of s that nothing lifts: no later
// approval that has not ended, and for failures no later pass, either on the
// definition that they were on, or on the present one.
func (b *bench) standing(s *set) []*Entry {
	var list []*Entry
	for _, x := range s.entries {
		lifted := func(e *Entry) bool {
			return favours(e) && b.lifts(e, x) && !b.ended(e) &&
				(x.Kind == Reject || isSameLab(e, x.Definition) || isSameLab(e, &b.q.Now))
		}
		if opposes(x) && !slices.ContainsFunc(s.entries, lifted) {
			list = append(list, x)
		}
	}
	return list
}

// isSameLab reports whether e is certainly of a definition like f.
func isSameLab(e *Entry, f *lab.Fingerprint) bool {
	return e.Definition != nil && f != nil && len(f.Parts) > 0 && len(e.Definition.Changed(*f)) == 0
}

// ended reports whether e is an approval with an end of its own that is past.
func (b *bench) ended(e *Entry) bool {
	return e.Kind == Approve && !e.Decision.Until.IsZero() && b.now.After(e.Decision.Until)
}

// isLater reports whether e is certainly later than x, which it would lift. In
// one ledger the place counts, whatever the clock said; a run must have
// started later as well: of two that overlap, either may be the newer one. Of
// different ledgers, each time must be later by more than clocks differ.
func (b *bench) isLater(e, x *Entry) bool {
	one := e.Of == x.Of
	after := func(t, other time.Time) bool {
		if !one {
			other = other.Add(clockSkew)
		}
		return t.After(other)
	}
	if e.Kind == Run && x.Kind == Run && !after(e.Run.Started, x.Run.Started) {
		return false
	}
	if one {
		return e.Seq > x.Seq
	}
	return after(e.Time, x.Time) && !b.isAhead(e)
}

// clockSkew is how far the clocks of two hosts may be apart: below it nobody
// knows which of two times was first, and beyond it a time that has not come is
// mentioned.
const clockSkew = 5 * time.Minute

// isAhead reports whether e is of a time that has not come.
func (b *bench) isAhead(e *Entry) bool {
	limit := b.now.Add(clockSkew)
	return e.Time.After(limit) || timeOf(e).After(limit)
}

// timeOf is when a run started, or a decision was made.
func timeOf(e *Entry) time.Time {
	if e.Kind == Run && !e.Run.Started.IsZero() {
		return e.Run.Started
	}
	return e.Time
}

// age is how old e is; of one from the future 0.
func (b *bench) age(e *Entry) time.Duration { return max(b.now.Sub(timeOf(e)), 0) }
