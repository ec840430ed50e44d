package night_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
)

func TestInterruptAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		ctx, cancel := context.WithCancel(t.Context())
		shared := job("c", "shared")
		shared.Shared = true
		r.past.add(job("a", "bad"), "r0", lab.Inconclusive, time.Now().Add(-time.Hour))
		jobs := []night.Job{job("a", "bad"), job("b", "slow"), shared, job("d", "odd"), job("e", "rest")}
		r.steps["bad"] = step{takes: time.Minute, out: night.Outcome{Code: 1, Verdict: lab.Fail, Reason: "the page is gone", Log: "/log"}}
		r.steps["slow"] = step{takes: time.Hour, out: night.Outcome{Verdict: lab.Pass}}
		r.steps["shared"] = step{takes: time.Minute, out: night.Outcome{Verdict: lab.Inconclusive, Skipped: "the machines that it is for have it already"}}
		r.steps["odd"] = step{takes: time.Minute, out: night.Outcome{Code: 3, Reason: "no disk"}}
		time.AfterFunc(4*time.Minute, cancel)
		sum, err := n.Run(ctx, jobs, night.Options{Jobs: 2})
		must(t, err)
		if got := results(sum); got != "bad 1 fail, slow 130, shared 0 inconclusive, odd 3, rest 0 pass" || sum.Code != 1 {
			t.Fatalf("got %s, code %d", got, sum.Code)
		}
		states, _ := filepath.Glob(filepath.Join(n.Dir, "*.json"))
		locks, _ := os.ReadDir(filepath.Join(n.Dir, "locks"))
		if len(states) != 5 || len(locks) != 0 {
			t.Errorf("%d states and %d locks are left", len(states), len(locks))
		}

		time.Sleep(time.Hour)
		r.started = nil
		r.steps["slow"] = step{takes: time.Minute, out: night.Outcome{Verdict: lab.Pass}}
		// While it was cut off one patch arrived, and another's bytes changed.
		changed := job("e", "rest")
		changed.SHA256 = "other"
		jobs = append(jobs[:4:4], changed, job("a", "arrived"))
		sum, err = n.Run(t.Context(), jobs, night.Options{Jobs: 1})
		must(t, err)
		if got := results(sum); got != "bad 1 fail, slow 0 pass, shared 0 inconclusive, odd 3, rest 0 pass, arrived 0 pass" || sum.Code != 1 {
			t.Errorf("got %s, code %d", got, sum.Code)
		}
		slices.Sort(r.started)
		if got := strings.Join(r.started, " "); got != "arrived odd rest slow" {
			t.Errorf("made: %s", got)
		}
		if o := sum.Outcomes[0]; o.Skipped != "made before the pass was cut off" || o.Reason != "the page is gone" || o.Dir != "/runs/a/run-bad" || o.Log != "/log" || o.Before != lab.Inconclusive {
			t.Errorf("got %+v", o)
		}
		if !sum.Resumed || !sum.Since.Before(sum.Started) || sum.Outcomes[2].Skipped != "the machines that it is for have it already" {
			t.Errorf("got %+v", sum)
		}
		noneLeft(t, n)
	})
}

// A run that ended as the night died is told by its record.
func TestResumeReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		ctx, cancel := context.WithCancel(t.Context())
		jobs := []night.Job{job("a", "fails"), job("b", "shared"), job("c", "unread")}
		jobs[1].Shared = true
		r.steps["fails"] = step{do: func() {
			at := time.Now().Add(time.Nanosecond)
			r.past.add(jobs[0], "x", lab.Fail, at)
			r.past.add(jobs[1], "y", lab.Inconclusive, at)
			r.past.add(jobs[2], "z", lab.Inconclusive, at)
			cancel()
		}, takes: time.Hour}
		_, err := n.Run(ctx, jobs, night.Options{Jobs: 1})
		must(t, err)
		n.Past = records{r.past, map[string]*lab.Record{
			"x": {Verdict: lab.Fail, Reason: "the page is gone\x1b[0m", Dir: "/x", Seconds: 7},
			"y": {Verdict: lab.Inconclusive, Machines: []lab.MachineRecord{{Target: true, Outcome: &lab.PatchOutcome{Status: lab.AlreadyInstalled}}}},
		}}
		r.started = nil
		sum, err := n.Run(t.Context(), jobs, night.Options{})
		must(t, err)
		if got := results(sum); got != "fails 1 fail, shared 0 inconclusive, unread 3 inconclusive" || len(r.started) != 0 {
			t.Errorf("got %s, made %v", got, r.started)
		}
		if o := sum.Outcomes[0]; o.Reason != "the page is gone" || o.Dir != "/x" || o.Seconds != 7 {
			t.Errorf("got %+v", o)
		}
	})
}

// A pass that was cut off too long ago to be gone on with: what failed in it
// was never told, and IfChanged must not leave it out in silence.
func TestStalePassIsTold(t *testing.T) {
	for _, ifChanged := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			n, r, _ := newNight(t)
			ctx, cancel := context.WithCancel(t.Context())
			jobs := []night.Job{job("a", "bad"), job("b", "odd"), job("c", "slow")}
			r.steps["bad"] = step{takes: time.Minute, out: night.Outcome{Code: 1, Verdict: lab.Fail, Reason: "the page is gone"}}
			r.steps["odd"] = step{takes: time.Minute, out: night.Outcome{Code: 3, Verdict: lab.Inconclusive}}
			r.steps["slow"] = step{takes: time.Hour}
			time.AfterFunc(10*time.Minute, cancel)
			_, err := n.Run(ctx, jobs, night.Options{Jobs: 1})
			must(t, err)
			time.Sleep(24 * time.Hour)
			r.started = nil
			r.steps["slow"], r.steps["odd"] = step{takes: time.Minute, out: night.Outcome{Verdict: lab.Pass}}, step{out: night.Outcome{Verdict: lab.Pass}}
			told := ""
			n.Tell = func(s *night.Summary) error {
				told = results(s)
				if states, _ := filepath.Glob(filepath.Join(n.Dir, "*.json")); len(states) != 3 {
					t.Errorf("%d states: it was forgotten before it was told", len(states))
				}
				return nil
			}
			_, err = n.Run(t.Context(), jobs, night.Options{Jobs: 1, IfChanged: ifChanged})
			must(t, err)
			slices.Sort(r.started)
			made := strings.Join(r.started, " ")
			if ifChanged && (made != "odd slow" || told != "bad 1 fail, odd 0 pass, slow 0 pass") || !ifChanged && made != "bad odd slow" {
				t.Errorf("if changed %v: told %s, made %s", ifChanged, told, made)
			}
			noneLeft(t, n)
		})
	}
}
