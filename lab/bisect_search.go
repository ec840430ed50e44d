package lab

import (
	"context"
	"errors"
	"sync"
)

// search finds a part of the failing batch that fails, small in most cases.
//
// The units stand in an order in which every first part of them can be applied
// by itself. The shortest first part that fails ends in a culprit; with that
// one kept, the shortest first part of those before it that still fails ends in
// the next, and so on until what was kept fails by itself. Each culprit takes
// about log2 n trials, one after the other, or fewer rounds of several at once.
func (b *bisecting) search(ctx context.Context) (set, error) {
	kept, before := b.prefix(0), len(b.units)
	for {
		last, err := b.shortest(ctx, kept, before)
		if err != nil {
			return nil, err
		}
		kept = b.closed(kept, b.only(last))
		before = last
		tries := []set{kept}
		if rest := b.without(b.prefix(len(b.units)), b.only(last)); b.parallel > 1 && !rest.empty() {
			tries = append(tries, rest) // there is room, and mostly it is asked for in the end
		}
		trials, err := b.round(ctx, tries...)
		if err != nil {
			return nil, err
		}
		switch trials[0].Verdict {
		case Fail:
			return kept, nil
		case Inconclusive:
			return nil, &unclearError{b.names(kept), trials[0]}
		}
	}
}

// shortest returns the index of the unit in which the shortest failing first
// part ends, each taken together with kept. That of all units before "before"
// is known to fail, kept by itself to pass.
func (b *bisecting) shortest(ctx context.Context, kept set, before int) (int, error) {
	passes, fails := 0, before
	for fails-passes > 1 {
		points := spread(passes, fails, b.parallel)
		sets := make([]set, len(points))
		for i, p := range points {
			sets[i] = b.closed(kept, b.prefix(p))
		}
		trials, err := b.round(ctx, sets...)
		if err != nil {
			return 0, err
		}
		for i, t := range trials {
			if t.Verdict == Fail {
				fails = points[i]
				break
			}
			if t.Verdict == Pass {
				passes = points[i]
			}
		}
		for i, t := range trials {
			if t.Verdict == Inconclusive && passes < points[i] && points[i] < fails {
				return 0, &unclearError{b.names(sets[i]), t}
			}
		}
	}
	return fails - 1, nil
}

// spread returns at most n different numbers between low and high, evenly
// spread, rising.
func spread(low, high, n int) []int {
	n = min(n, high-low-1)
	var out []int
	for i := 1; i <= n; i++ {
		out = append(out, low+(high-low)*i/(n+1))
	}
	return out
}

// irreducible takes units out of a failing set for as long as it still fails.
// Mostly there is none: this is the proof of it.
func (b *bisecting) irreducible(ctx context.Context, failing set) (set, error) {
	for {
		var smaller []set
		for u, root := range b.roots(failing) {
			if root {
				smaller = append(smaller, b.minus(failing, u))
			}
		}
		trials, err := b.round(ctx, smaller...)
		if err != nil {
			return nil, err
		}
		next := set(nil)
		for i, t := range trials {
			switch t.Verdict {
			case Inconclusive:
				return nil, &unclearError{b.names(smaller[i]), t}
			case Fail:
				next = smaller[i]
			}
		}
		if next == nil {
			return failing, nil
		}
		failing = next
	}
}

// round makes the trials of sets, as many at once as there is room for. Errors
// come after all that were begun are done.
func (b *bisecting) round(ctx context.Context, sets ...set) ([]Trial, error) {
	trials := make([]Trial, len(sets))
	for i := 0; i < len(sets); {
		n := min(b.parallel, len(sets)-i)
		errs := make([]error, n)
		var wg sync.WaitGroup
		for k := range n {
			wg.Go(func() { trials[i+k], errs[k] = b.try(ctx, sets[i+k]) })
		}
		wg.Wait()
		if busy(errs) && n > 1 && ctx.Err() == nil {
			b.parallel = 1 // those that were done are not made again
			continue
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		i += n
	}
	return trials, nil
}

// busy reports whether want of room is all that went wrong.
func busy(errs []error) bool {
	found := false
	for _, err := range errs {
		_, is := errors.AsType[*BusyError](err)
		if err != nil && !is {
			return false
		}
		found = found || is
	}
	return found
}

// try makes the trial of one set, once more when it is inconclusive. None of
// the patches is what the lab is like without them, which passes.
func (b *bisecting) try(ctx context.Context, s set) (Trial, error) {
	if s.empty() {
		return Trial{Verdict: Pass, Reason: "nothing was applied"}, nil
	}
	if t, ok := b.known(s); ok {
		return t, nil
	}
	t, err := b.once(ctx, s, false)
	if err == nil && t.Verdict == Inconclusive {
		t, err = b.once(ctx, s, true)
	}
	return t, err
}

func (b *bisecting) once(ctx context.Context, s set, again bool) (Trial, error) {
	if ctx.Err() != nil {
		return Trial{}, context.Cause(ctx)
	}
	var items []*Patch
	for _, i := range b.items(s) {
		items = append(items, b.Items[i])
	}
	t, err := b.Try(ctx, items)
	if err != nil {
		return Trial{}, err
	}
	return t, b.note(s, t, again)
}
