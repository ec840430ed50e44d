package night

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func TestByRisk(t *testing.T) {
	mk := func(name string, change func(*task)) *task {
		x := &task{Job: Job{Lab: "l", Patch: name, Impact: lab.ImpactNormal, Targets: 1}, tested: true, estimate: time.Minute}
		change(x)
		return x
	}
	want := []*task{
		mk("new, failed", func(x *task) { x.tested, x.before = false, lab.Fail }),
		mk("new, high", func(x *task) { x.tested, x.Impact = false, lab.ImpactHigh }),
		mk("new, low", func(x *task) { x.tested, x.Impact = false, lab.ImpactLow }),
		mk("failed, low", func(x *task) { x.before, x.Impact = lab.Fail, lab.ImpactLow }),
		mk("high", func(x *task) { x.Impact = lab.ImpactHigh }),
		mk("high, passed", func(x *task) { x.Impact, x.before = lab.ImpactHigh, lab.Pass }),
		mk("many", func(x *task) { x.Targets = 3 }),
		mk("no impact said, long", func(x *task) { x.Impact, x.estimate = "", time.Hour }),
		mk("short, a", func(x *task) {}),
		mk("short, b", func(x *task) {}),
		mk("a", func(x *task) { x.Lab = "m" }),
		mk("low, most, long", func(x *task) { x.Impact, x.Targets, x.estimate = lab.ImpactLow, 9, time.Hour }),
	}
	for seed := range uint64(20) {
		got := slices.Clone(want)
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		slices.SortFunc(got, byRisk)
		if !slices.Equal(got, want) {
			t.Fatalf("got %s", patches(got))
		}
	}
}

func patches(list []*task) string {
	var out []string
	for _, x := range list {
		out = append(out, x.Patch)
	}
	return strings.Join(out, " | ")
}

func TestEstimate(t *testing.T) {
	for _, tt := range []struct {
		name    string
		seconds map[string]float64
		of      string
		want    time.Duration
	}{
		{"its own", map[string]float64{"a": 60, "b": 600, "c": 6000}, "a", time.Minute},
		{"the median of the others", map[string]float64{"a": 60, "b": 600, "c": 6000}, "new", 10 * time.Minute},
		{"nothing known", nil, "new", 30 * time.Minute},
		{"nonsense", map[string]float64{"a": math.NaN(), "b": -1, "c": math.Inf(1), "d": 1e300}, "a", 30 * time.Minute},
		{"hardly anything", map[string]float64{"a": 1e-20}, "a", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := estimate([]string{"a", "b", "b", "c", "d", "new", ""}, func(l string) float64 { return tt.seconds[l] })
			if got := e.of(tt.of); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
