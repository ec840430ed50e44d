package night_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
)

func TestFinishBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, s := newNight(t)
		r.past.seconds = map[string]float64{"slow": 3600, "long": 3000, "quick": 600, "hung": 1200}
		r.steps["hangs"] = step{takes: 100 * time.Hour}
		r.steps["lasts"] = step{takes: 50 * time.Minute, out: night.Outcome{Verdict: lab.Pass}}
		jobs := []night.Job{job("slow", "huge"), job("long", "lasts"), job("quick", "q1"), job("hung", "hangs")}
		jobs[0].Impact = lab.ImpactHigh // in vain
		jobs[1].Targets = 5
		by := time.Now().Add(55 * time.Minute)
		sum, err := n.Run(t.Context(), jobs, night.Options{Jobs: 2, FinishBy: by})
		must(t, err)
		if got := results(sum); got != "huge 3, lasts 0 pass, q1 3, hangs 3" || sum.Code != 3 {
			t.Errorf("got %s, code %d\n%s", got, sum.Code, s)
		}
		at := by.Format("15:04")
		for i, want := range map[int]string{
			0: "would not be finished by " + at + ": it takes about 60 min",
			2: "would not be finished by " + at + ": it takes about 10 min",
			3: "did not finish by " + at,
		} {
			if got := sum.Outcomes[i].Reason; got != want {
				t.Errorf("%d: got %q, want %q", i, got, want)
			}
		}
		if sum.Seconds != 55*60 {
			t.Errorf("it took %v s", sum.Seconds)
		}
		if !strings.Contains(s.lines[1], "until "+at+"; 1 run more than there is time for") && !strings.Contains(s.lines[0], "until "+at+"; 1 run more than there is time for") {
			t.Errorf("the plan:\n%s", s)
		}
		noneLeft(t, n)
	})
}

// When runs are quicker than they were, there is time for more than was
// foreseen; when it is too late already, for none.
func TestFinishByLooksAgain(t *testing.T) {
	for minutes, want := range map[int]string{45: "a 0 pass, b 0 pass", 20: "a 3, b 3", -5: "a 3, b 3"} {
		synctest.Test(t, func(t *testing.T) {
			n, _, _ := newNight(t) // 30 min are expected, one it takes
			sum, err := n.Run(t.Context(), []night.Job{job("l", "a"), job("l", "b")},
				night.Options{FinishBy: time.Now().Add(time.Duration(minutes) * time.Minute)})
			must(t, err)
			if got := results(sum); got != want {
				t.Errorf("%d min: got %s", minutes, got)
			}
		})
	}
}
