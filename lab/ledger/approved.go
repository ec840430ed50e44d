package ledger

import (
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Set is what may go out to a lab's client, and what tools that go by versions
// and numbers have to know of the rest.
type Set struct {
	Approved []Entry  // newest first; of each patch the run or approval that it rests on
	Against  []Entry  // rejections and failures that nothing lifts
	Packages []string // Debian packages that the lab has runs or decisions of; sorted
}

// Approved lists the patches that the gate lets out on a lab now, each once. It
// is the gate that is asked, with all files of the patch that go out; then once
// more with the files of all these patches, as they go out to the same
// machines: what failed or was rejected together is left out. Errors: as Gate.
func (g *Ledger) Approved(labName string, now lab.Fingerprint, maxAge time.Duration) (Set, error) {
	b, err := g.bench(Question{Lab: labName, Now: now, MaxAge: maxAge}, nil)
	if err != nil {
		return Set{}, err
	}
	set := Set{Approved: b.approved(), Packages: debsOf(b.entries)}
	for _, s := range b.sets {
		for _, x := range s.against {
			set.Against = append(set.Against, *x)
		}
	}
	return set, nil
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
