package ledger

import (
	"fmt"
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
	absent  bool // its record did not come with its ledger: it says nothing
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

// judgeSet looks for a pass or an approval of s that counts now, the newest
// first, when every failure of s and every objection is answered. Without one,
// the refusal is that of the newest.
func (b *bench) judgeSet(s *set, against []objection, together hashes) opinion {
	against = b.unanswered(s, bound(s, against, together), together)
	var first *opinion
	var absent []string
	for _, e := range s.entries {
		if !favours(e) {
			continue
		}
		var o opinion
		if i := slices.IndexFunc(against, func(x objection) bool { return !b.answers(e, s, x, together) }); i >= 0 {
			o = b.objected(against[i], s)
			o.reason += b.shortfall(e, s, against[i])
		} else {
			o = b.weigh(e, s, together)
		}
		if o.absent {
			absent = append(absent, "passed over: it "+o.reason)
		} else if o.refusal == "" || o.refusal == BrokenEvidence {
			o.notes = append(o.notes, absent[:min(len(absent), mostSaid)]...)
			return o
		}
		if first == nil || first.absent {
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

// unanswered are those of against that no pass or approval of s that counts now
// answers. Of one patch for two machines, and the same bytes as two patches,
// each run answers its own failure.
func (b *bench) unanswered(s *set, against []objection, together hashes) []objection {
	return slices.DeleteFunc(against, func(x objection) bool {
		return slices.ContainsFunc(s.entries, func(e *Entry) bool {
			return favours(e) && b.answers(e, s, x, together) && b.weigh(e, s, together).refusal == ""
		})
	})
}

// answers reports whether e, of set s, is an answer to x: it lifts it, and is of
// all files of x's set. An approval of fewer answers a rejection where not all
// that was rejected goes out: who approved it knew.
func (b *bench) answers(e *Entry, s *set, x objection, together hashes) bool {
	whole := s.files.holds(x.of.files)
	fewer := x.Kind == Reject && !together.holds(x.of.files)
	return (whole || fewer) && b.lifts(e, x.Entry)
}

// shortfall says why e, a later pass of all that failed, is no answer to x;
// empty where it is none of these.
func (b *bench) shortfall(e *Entry, s *set, x objection) string {
	if !passed(e) || !failed(x.Entry) || !s.files.holds(x.of.files) || !b.isLater(e, x.Entry) {
		return ""
	}
	text := b.lacks(e, x.Entry)
	if text == "" {
		return ""
	}
	return fmt.Sprintf("; run %s, which passed later, %s", lab.Printable(e.Run.ID, longName), text)
}
