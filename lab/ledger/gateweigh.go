package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// weigh says whether e, a pass or an approval of s, counts now.
func (b *bench) weigh(e *Entry, s *set, together hashes) opinion {
	o := opinion{on: e, reason: tell(e), notes: b.notes(e, s)}
	if changed := b.changed(e); len(changed) > 0 {
		o.refusal = ChangedLab
		o.reason += ", but the lab has changed since: " + some(changed)
		return o
	}
	if text := b.expired(e); text != "" {
		o.refusal = Expired
		o.reason += text
		return o
	}
	if err := b.broken(e); err != nil {
		o.refusal = BrokenEvidence
		if o.absent = b.isGone(e) && b.absent[keyOfRun(e)]; o.absent {
			o.reason += ", but its record was not there when its ledger was merged"
			return o
		}
		o.reason += ", but its record is not as it was written: " + lab.Printable(err.Error(), longText)
		return o
	}
	if b.isGone(e) {
		o.notes = append(o.notes, "its record is no longer kept: removed on "+stamp(b.removal(e).Time)+" as the retention says")
	}
	if missing := s.missing(together); len(missing) > 0 {
		o.refusal = NotAlone
		o.reason += ", but only together with files that were not given: " + some(missing)
	}
	return o
}

// changed lists what is other in the lab than it was for e. What nobody knows
// is taken for changed.
func (b *bench) changed(e *Entry) []string {
	if e.Definition == nil || len(e.Definition.Parts) == 0 {
		return []string{"the entry does not say on which definition"}
	}
	if len(b.q.Now.Parts) == 0 {
		return []string{"there is no present definition"}
	}
	changed := e.Definition.Changed(b.q.Now)
	for i := range changed {
		changed[i] = lab.Printable(changed[i], longName)
	}
	return changed
}

// expired says why e is too old, or may be: a time that has not come tells no
// age; empty: it is not.
func (b *bench) expired(e *Entry) string {
	limited := e.Kind == Approve && !e.Decision.Until.IsZero()
	if b.isAhead(e) && (limited || b.q.MaxAge > 0) {
		return fmt.Sprintf(": that time has not come, so the clock of host %s, or this one's, is wrong, and its age cannot be told",
			lab.Printable(e.Host, longName))
	}
	if limited {
		if b.ended(e) {
			return ", which is past"
		}
		return ""
	}
	if age := b.age(e); b.q.MaxAge > 0 && age > b.q.MaxAge {
		return fmt.Sprintf(": that is %s ago, and %s is the limit", inWords(age), inWords(b.q.MaxAge))
	}
	return ""
}

// broken says what is wrong with the record of e. A decision has none, and a
// record may be gone where an entry says so.
func (b *bench) broken(e *Entry) error {
	if e.Kind != Run {
		return nil
	}
	run := keyOfRun(e)
	if _, known := b.checked[run]; !known {
		b.checked[run] = b.evidence(e)
	}
	if b.isGone(e) && b.removal(e) != nil {
		return nil
	}
	return b.checked[run]
}

// removal is what says that the record of e was removed: an entry of the
// ledger that e is of, or of this host's own.
func (b *bench) removal(e *Entry) *Entry {
	if own := b.pruned[runOf{b.own, e.Run.ID}]; own != nil {
		return own
	}
	return b.pruned[keyOfRun(e)]
}

// isGone reports whether e is of a run whose record was looked for in vain.
func (b *bench) isGone(e *Entry) bool {
	return e.Kind == Run && errors.Is(b.checked[keyOfRun(e)], fs.ErrNotExist)
}

// absent are the runs of a lab whose records were not there when their ledgers
// were merged.
func (s *shelf) absent(labName string) map[runOf]bool {
	out := map[runOf]bool{}
	for _, b := range s.books[1:] {
		for _, path := range b.merged.Missing {
			if of, id := filepath.Split(path); of == labName+"/" {
				out[runOf{b.id, id}] = true
			}
		}
	}
	return out
}

// missing names the files of s that are not in together, with their sums.
func (s *set) missing(together hashes) (list []string) {
	for sum, name := range s.names {
		if !together[sum] {
			list = append(list, fmt.Sprintf("%s (SHA-256 %s)", lab.Printable(name, longName), lab.Printable(sum, 64)))
		}
	}
	slices.Sort(list)
	return list
}
