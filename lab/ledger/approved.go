package ledger

import (
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Approved lists the patches that the gate lets out on a lab now, newest
// entry first, each once: for each the run or approval that it rests on. It is
// the gate that is asked, with all files of the patch that go out; then once
// more with the files of all these patches, as they go out to the same
// machines: what failed or was rejected together is left out.
func (g *Ledger) Approved(labName string, now lab.Fingerprint, maxAge time.Duration) ([]Entry, error) {
	b, err := g.bench(Question{Lab: labName, Now: now, MaxAge: maxAge}, nil)
	if err != nil {
		return nil, err
	}
	return b.approved(), nil
}

func (b *bench) approved() []Entry {
	all := hashes{}
	var alone []*set
	for _, s := range b.sets {
		if b.whole(s, s.files).refusal == "" {
			alone = append(alone, s)
			for sum := range s.files {
				all[sum] = true
			}
		}
	}
	var list []Entry
	for _, s := range alone {
		if o := b.whole(s, all); o.refusal == "" {
			list = append(list, *o.on)
		}
	}
	slices.SortStableFunc(list, func(x, y Entry) int { return timeOf(&y).Compare(timeOf(&x)) })
	return list
}

// whole judges all files of s at once, when files together go out: everything
// that is against one of them is against s.
func (b *bench) whole(s *set, together hashes) opinion {
	var near []*set
	seen := map[*set]bool{}
	for sum := range s.files {
		for _, other := range b.byFile[sum] {
			if len(other.against) > 0 && !seen[other] {
				near = append(near, other)
			}
			seen[other] = true
		}
	}
	return b.judgeSet(s, objections(near), together)
}
