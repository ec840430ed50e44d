package lab_test

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// batch is a batch whose trials are answered by a function.
type batch struct {
	b       lab.Bisector
	mu      sync.Mutex
	trials  [][]string
	running int
	most    int
}

// newBatch makes n items, "p00" and so on, and answers trials by fails.
func newBatch(n int, fails func(in map[string]bool) bool) *batch {
	w := &batch{}
	for i := range n {
		w.b.Items = append(w.b.Items, &lab.Patch{Name: fmt.Sprintf("p%02d", i)})
	}
	w.b.Parallel = 1
	w.b.Needs = map[*lab.Patch][]*lab.Patch{}
	w.b.Pin = func(p *lab.Patch) (lab.PatchRecord, error) { return lab.PatchRecord{SHA256: "sum of " + p.Name}, nil }
	w.try(func(in map[string]bool) (lab.Trial, error) {
		if fails(in) {
			return lab.Trial{Verdict: lab.Fail, Reason: "the site is gone", Signature: []string{"check site"}}, nil
		}
		return lab.Trial{Verdict: lab.Pass, Reason: "all is well"}, nil
	})
	return w
}

func (w *batch) try(answer func(in map[string]bool) (lab.Trial, error)) {
	w.b.Try = func(ctx context.Context, items []*lab.Patch) (lab.Trial, error) {
		in, names := map[string]bool{}, []string(nil)
		for _, p := range items {
			in[p.Name] = true
			names = append(names, p.Name)
		}
		w.mu.Lock()
		w.trials = append(w.trials, names)
		w.running++
		w.most = max(w.most, w.running)
		w.mu.Unlock()
		defer func() {
			w.mu.Lock()
			w.running--
			w.mu.Unlock()
		}()
		time.Sleep(time.Minute) // of the bubble's clock
		if ctx.Err() != nil {
			return lab.Trial{}, ctx.Err()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		return answer(in)
	}
}

// needs says that one item needs another, by number.
func (w *batch) needs(item, needed int) {
	p := w.b.Items[item]
	w.b.Needs[p] = append(w.b.Needs[p], w.b.Items[needed])
}

func (w *batch) bisect(t *testing.T) *lab.Bisection {
	t.Helper()
	got, err := w.b.Bisect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Runs-got.Reused != len(w.trials) || len(got.Trials) != got.Runs {
		t.Errorf("%d runs, %d reused, %d told of, %d made", got.Runs, got.Reused, len(got.Trials), len(w.trials))
	}
	return got
}

// all reports whether every name is in.
func all(names ...string) func(map[string]bool) bool {
	return func(in map[string]bool) bool {
		for _, n := range names {
			if !in[n] {
				return false
			}
		}
		return true
	}
}

func log2(n int) int { return bits.Len(uint(n - 1)) }

// Each number of culprits is found, at every place, in the number of trials
// that is promised.
func TestBisectCulprits(t *testing.T) {
	for _, n := range []int{2, 3, 8, 64} {
		for k := 1; k <= min(3, n); k++ {
			for shift := range n {
				var culprits []string
				for i := range k {
					culprits = append(culprits, fmt.Sprintf("p%02d", (shift*7+i*n/k)%n))
				}
				slices.Sort(culprits)
				culprits = slices.Compact(culprits)
				for _, parallel := range []int{1, 2} {
					synctest.Test(t, func(t *testing.T) { testCulprits(t, n, parallel, culprits) })
				}
			}
		}
	}
}

func testCulprits(t *testing.T, n, parallel int, culprits []string) {
	w := newBatch(n, all(culprits...))
	w.b.Parallel = parallel
	started := time.Now()
	got := w.bisect(t)
	if got.Verdict != lab.Fail || !slices.Equal(got.Culprits, culprits) || len(got.With) > 0 {
		t.Errorf("of %d, %d at once: got %q, want %q: %s", n, parallel, got.Culprits, culprits, got.Reason)
	}
	if w.most > parallel {
		t.Errorf("%d trials at once, want at most %d", w.most, parallel)
	}
	k := len(culprits)
	// The whole; for each culprit a search, a proof that it is needed and one
	// of what was found so far; the rest.
	if limit := 1 + k*(log2(n)+2) + 1; parallel == 1 && got.Runs > limit {
		t.Errorf("%d culprits of %d: %d trials, want at most %d", k, n, got.Runs, limit)
	}
	rounds := int(time.Since(started) / time.Minute)
	if limit := 1 + k*(log2(n)+2) + 1; rounds > limit {
		t.Errorf("%d culprits of %d, %d at once: %d rounds, want at most %d", k, n, parallel, rounds, limit)
	}
	if parallel == 2 && k == 1 && n == 64 && rounds > 6 { // log3 64 is 4
		t.Errorf("one culprit of 64, two at once: %d rounds", rounds)
	}
	if k < n && (got.Rest == nil || got.Rest.Verdict != lab.Pass || len(got.Rest.Items) != n-k) {
		t.Errorf("of the rest it says %+v", got.Rest)
	}
}

func TestBisectAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fails  func(map[string]bool) bool
		needs  [][2]int
		reason string
		with   []string
	}{
		{
			name: "one", fails: all("p03"),
			reason: "broken by p03",
		},
		{
			name: "two together", fails: all("p01", "p06"),
			reason: "broken by p01 and p06 together (p01 alone passes, p06 alone passes)",
		},
		{
			name: "three together", fails: all("p01", "p02", "p06"),
			reason: "broken by p01, p02 and p06 together (without p01 the rest of them pass, " +
				"without p02 the rest of them pass, without p06 the rest of them pass)",
		},
		{
			name: "one that needs a later one", fails: all("p02"), needs: [][2]int{{2, 5}},
			reason: "broken by p02 (p05, which it needs, passes alone)", with: []string{"p05"},
		},
		{
			name: "what it needs is at fault", fails: all("p05"), needs: [][2]int{{2, 5}, {0, 2}},
			reason: "broken by p05",
		},
		{
			name: "one and what it needs", fails: all("p02", "p05"), needs: [][2]int{{2, 5}},
			reason: "broken by p02 (p05, which it needs, passes alone)", with: []string{"p05"},
		},
		{
			name: "need each other", fails: all("p02"), needs: [][2]int{{2, 5}, {5, 7}, {7, 2}, {0, 1}},
			reason: "broken by p02, p05 and p07, which need each other",
		},
		{
			name: "two that need the same", fails: all("p01", "p06"), needs: [][2]int{{1, 7}, {6, 7}},
			reason: "broken by p01 and p06 together (without p01 the rest of them pass, without p06 the rest of them pass, with p07, which they need)",
			with:   []string{"p07"},
		},
	} {
		for parallel := 1; parallel <= 3; parallel++ {
			t.Run(fmt.Sprintf("%s/%d", tt.name, parallel), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newBatch(8, tt.fails)
					w.b.Parallel = parallel
					for _, n := range tt.needs {
						w.needs(n[0], n[1])
					}
					got := w.bisect(t)
					if got.Reason != tt.reason || !slices.Equal(got.With, tt.with) {
						t.Errorf("got  %q with %q\nwant %q with %q", got.Reason, got.With, tt.reason, tt.with)
					}
					w.checkClosed(t)
				})
			})
		}
	}
}

// checkClosed makes sure that nothing was tried without what it needs, in
// another order than the batch's, or twice.
func (w *batch) checkClosed(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, names := range w.trials {
		if !slices.IsSorted(names) || seen[fmt.Sprint(names)] {
			t.Errorf("tried %q: out of order, or twice", names)
		}
		seen[fmt.Sprint(names)] = true
		for p, needed := range w.b.Needs {
			for _, n := range needed {
				if slices.Contains(names, p.Name) && !slices.Contains(names, n.Name) {
					t.Errorf("tried %q without %s", names, n.Name)
				}
			}
		}
	}
}

// Where more patches do not fail more often, the answer is still irreducible.
func TestBisectNonMonotone(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 5, 8, 13, 21, 34, 55, 89} {
		synctest.Test(t, func(t *testing.T) {
			fails := func(in map[string]bool) bool {
				if len(in) == 8 {
					return true
				}
				h := seed
				for name := range in { // in any order
					h += uint64(name[2]) * uint64(name[2]) * 2654435761 * seed
				}
				return len(in) > 0 && h>>7%3 == 0
			}
			w := newBatch(8, fails)
			got := w.bisect(t)
			if got.Verdict != lab.Fail || len(got.Culprits) == 0 {
				t.Fatalf("got %s: %s", got.Verdict, got.Reason)
			}
			in := map[string]bool{}
			for _, c := range got.Culprits {
				in[c] = true
			}
			if !fails(in) {
				t.Errorf("%q do not fail", got.Culprits)
			}
			for _, c := range got.Culprits {
				delete(in, c)
				if fails(in) {
					t.Errorf("%q fail without %s as well", got.Culprits, c)
				}
				in[c] = true
			}
			if len(w.trials) > 40 {
				t.Errorf("%d trials", len(w.trials))
			}
		})
	}
}
