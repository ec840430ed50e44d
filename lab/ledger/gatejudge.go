package ledger

import (
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// opinion is what the bench holds of a file, or of a set. Without a refusal it
// may go out.
type opinion struct {
	refusal Refusal
	reason  string
	on      *Entry // that it rests on; nil: none
	notes   []string
}

// order is that of Refusals, the most telling first.
func order() []Refusal {
	return []Refusal{
		Rejected, DidFail, BrokenEvidence, NotAlone, ChangedLab, Expired, NotConclusive, OtherBytes, NeverTested,
	}
}

// objection is a rejection or a failure that stands, and of which set.
type objection struct {
	*Entry
	of *set
}

// answer is the bench's opinion of f, where together are the sums of all files
// that go out with it.
func (b *bench) answer(f given, together hashes) Answer {
	o := b.judge(f.FileRecord, together)
	a := Answer{
		File: f.Path, SHA256: f.SHA256, Allowed: o.refusal == "",
		Refusal: o.refusal, Reason: o.reason, Notes: o.notes,
	}
	if o.on != nil {
		a.Time = timeOf(o.on)
		if o.on.Kind == Run {
			a.Run = o.on.Run.ID
		}
	}
	return a
}

// judge asks of each set that f is in whether it lets f out. One is enough;
// what is against f elsewhere they all have to answer.
func (b *bench) judge(f lab.FileRecord, together hashes) opinion {
	sets := b.byFile[f.SHA256]
	if len(sets) == 0 {
		return b.unknown(f)
	}
	against := objections(sets)
	var refused []opinion
	for _, s := range sets {
		o := b.judgeSet(s, against, together)
		if o.refusal == "" {
			o.notes = append(o.notes, b.elsewhere(f, sets, together)...)
			return o
		}
		refused = append(refused, o)
	}
	return slices.MinFunc(refused, func(x, y opinion) int {
		return slices.Index(order(), x.refusal) - slices.Index(order(), y.refusal)
	})
}

// objections are all that stand in sets.
func objections(sets []*set) (list []objection) {
	for _, s := range sets {
		for _, x := range s.against {
			list = append(list, objection{x, s})
		}
	}
	return list
}

// judgeSet looks for a pass or an approval of s that is later than every
// failure of s, answers every objection, and counts now; the newest first.
// Without one, the refusal is that of the newest.
func (b *bench) judgeSet(s *set, against []objection, together hashes) opinion {
	against = bound(s, against, together)
	var first *opinion
	for _, e := range s.entries {
		if !favours(e) {
			continue
		}
		var o opinion
		if i := slices.IndexFunc(against, func(x objection) bool { return !b.answers(e, s, x, together) }); i >= 0 {
			o = b.objected(against[i], s)
		} else {
			o = b.weigh(e, s, together)
		}
		if o.refusal == "" || o.refusal == BrokenEvidence {
			return o
		}
		if first == nil {
			first = &o
		}
	}
	switch {
	case first != nil:
		return *first
	case len(against) > 0:
		return b.objected(against[0], s)
	}
	return b.undecided(s)
}

// bound are the objections that s has to answer, rejections first.
func bound(s *set, against []objection, together hashes) (list []objection) {
	for _, x := range against {
		if x.binds(s, together) {
			list = append(list, x)
		}
	}
	for _, x := range s.failed {
		list = append(list, objection{x, s})
	}
	slices.SortStableFunc(list, func(x, y objection) int {
		return slices.Index(order(), x.refusal()) - slices.Index(order(), y.refusal())
	})
	return list
}

func (x objection) refusal() Refusal {
	if x.Kind == Reject {
		return Rejected
	}
	return DidFail
}

// binds reports whether the objection is one to s, when files together go
// out: a rejection always is, a failure when it is s's own, or when all that
// failed would go out.
func (x objection) binds(s *set, together hashes) bool {
	return x.Kind == Reject || x.of == s || together.holds(x.of.files)
}

// answers reports whether e, of set s, is an answer to x: it is later, and of
// all files of x's set. An approval of fewer answers a rejection where not all
// that was rejected goes out: who approved it knew.
func (b *bench) answers(e *Entry, s *set, x objection, together hashes) bool {
	whole := s.files.holds(x.of.files)
	fewer := x.Kind == Reject && !together.holds(x.of.files)
	return (whole || fewer) && lifts(e, x.Entry) && b.isLater(e, x.Entry)
}
