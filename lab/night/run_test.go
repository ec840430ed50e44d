package night_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
)

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, s := newNight(t)
		r.past.seconds = map[string]float64{"dental": 600, "law": 60}
		r.past.add(job("dental", "old"), "r0", lab.Pass, time.Now().Add(-time.Hour))
		r.steps["old"] = step{takes: 10 * time.Minute, out: night.Outcome{Code: 1, Verdict: lab.Fail, Reason: "the page is gone"}}
		r.steps["odd"] = step{takes: time.Minute, out: night.Outcome{Code: 3, Verdict: lab.Inconclusive, Reason: "no checks"}}
		broken := night.Job{LabDir: "/labs/bad", Err: errors.New("lab.hcl:3:\nno such machine")}
		jobs := []night.Job{job("dental", "old"), job("law", "odd"), broken, job("law", "fine"), job("law", "fine")}
		sum, err := n.Run(t.Context(), jobs, night.Options{Jobs: 2})
		must(t, err)
		want := "old 1 fail, odd 3 inconclusive, 2, fine 0 pass, fine 0"
		if got := results(sum); got != want || sum.Code != 1 || sum.Quiet() || sum.Resumed {
			t.Errorf("got %s, code %d", got, sum.Code)
		}
		var order []string
		for _, line := range s.lines {
			if name, _, ok := strings.Cut(line, ": started"); ok {
				order = append(order, name)
			}
		}
		// The second of law waits for the first.
		if got := strings.Join(order, ", "); got != "law (LAW): fine, dental (DENTAL): old, law (LAW): odd" {
			t.Errorf("order: %s", got)
		}
		if o := sum.Outcomes[0]; o.Before != lab.Pass || o.Seconds != 600 || o.Run != "run-old" || o.Started.IsZero() {
			t.Errorf("got %+v", o)
		}
		if got := sum.Outcomes[2].Reason; got != "lab.hcl:3: no such machine" {
			t.Errorf("got %q", got)
		}
		if sum.Seconds != 600 {
			t.Errorf("it took %v s", sum.Seconds)
		}
		for _, line := range []string{
			"3 runs on 2 labs, about 10 min; 1 other skipped; 1 other known not to be well",
			"law (LAW): fine: started (never tested; about 60 s)",
			"dental (DENTAL): old: started (tested before; about 10 min)",
			"dental (DENTAL): old: failed: the page is gone (10 min)",
			"law (LAW): fine: passed (60 s)",
		} {
			if !slices.Contains(s.lines, line) {
				t.Errorf("%q is not in:\n%s", line, s)
			}
		}
		noneLeft(t, n)
	})
}

// The budget holds, and a lab has one run at a time.
func TestRunPacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		var jobs []night.Job
		for i := range 30 {
			j := job(fmt.Sprintf("lab%d", i%7), fmt.Sprintf("p%d", i))
			j.MemoryMiB = 256 * (1 + i%5)
			jobs = append(jobs, j)
		}
		sum, err := n.Run(t.Context(), jobs, night.Options{Jobs: 3, FreeMiB: 4096})
		must(t, err)
		if len(r.started) != 30 || !sum.Quiet() || sum.Code != 0 {
			t.Errorf("%d runs, code %d", len(r.started), sum.Code)
		}
		if r.mostMiB > 4096 || r.mostJobs != 3 || r.twice {
			t.Errorf("%d MiB, %d at once, two of one lab: %v", r.mostMiB, r.mostJobs, r.twice)
		}
	})
}

func TestRunTroubleStaysAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		r.steps["panics"] = step{do: func() { panic("\x1b[31mboom") }}
		r.steps["leaves"] = step{do: runtime.Goexit}
		r.steps["lies"] = step{out: night.Outcome{Code: 0}}
		r.steps["odd"] = step{out: night.Outcome{Code: 77, Reason: "why"}}
		r.steps["denies"] = step{out: night.Outcome{Code: 0, Verdict: lab.Fail}}
		r.steps["doubts"] = step{out: night.Outcome{Code: 1, Verdict: lab.Pass}}
		r.steps["raves"] = step{out: night.Outcome{Code: 0, Verdict: "splendid"}}
		r.steps["stopped"] = step{out: night.Outcome{Code: 130}}
		r.steps["busy"] = step{out: night.Outcome{Code: 4, Reason: "memory"}}
		args := []string{"panics", "leaves", "lies", "odd", "denies", "doubts", "raves", "stopped", "busy", "fine"}
		var jobs []night.Job
		for _, a := range args {
			jobs = append(jobs, job("lab-"+a, a))
		}
		sum, err := n.Run(t.Context(), jobs, night.Options{Jobs: 3})
		must(t, err)
		want := "panics 3, leaves 3, lies 3, odd 3, denies 1 fail, doubts 3 pass, raves 3, stopped 3, busy 4, fine 0 pass"
		if got := results(sum); got != want || sum.Code != 1 {
			t.Errorf("got %s, code %d", got, sum.Code)
		}
		if got := sum.Outcomes[0].Reason; got != "patchlab broke over it: boom" {
			t.Errorf("got %q", got)
		}
		noneLeft(t, n)
	})
}

func TestRunCode(t *testing.T) {
	for _, tt := range []struct {
		codes []int
		want  int
	}{
		{nil, 0},
		{[]int{0, 0}, 0},
		{[]int{0, 3, 2}, 3},
		{[]int{4, 3}, 4},
		{[]int{4, 1, 2}, 1},
		{[]int{130}, 3}, // not of this night's making
	} {
		synctest.Test(t, func(t *testing.T) {
			n, r, _ := newNight(t)
			var jobs []night.Job
			for i, code := range tt.codes {
				arg := fmt.Sprint(i)
				v := map[int]lab.Verdict{0: lab.Pass, 1: lab.Fail}[code]
				r.steps[arg] = step{out: night.Outcome{Code: code, Verdict: v}}
				jobs = append(jobs, job("lab"+arg, arg))
			}
			sum, err := n.Run(t.Context(), jobs, night.Options{})
			must(t, err)
			if sum.Code != tt.want || sum.Quiet() != (tt.want == 0) {
				t.Errorf("%v: got %d, quiet %v", tt.codes, sum.Code, sum.Quiet())
			}
		})
	}
}

func TestIfChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, s := newNight(t)
		long := time.Now().Add(-1000 * time.Hour)
		jobs := []night.Job{job("l", "passed"), job("l", "failed"), job("l", "unclear"), job("l", "other bytes"), job("l", "new")}
		r.past.add(jobs[0], "r1", lab.Pass, long)
		r.past.add(jobs[1], "r2", lab.Fail, long)
		r.past.add(jobs[2], "r3", lab.Inconclusive, long)
		was := jobs[3]
		was.SHA256 = "x"
		r.past.add(was, "r4", lab.Pass, long)
		sum, err := n.Run(t.Context(), jobs, night.Options{IfChanged: true})
		must(t, err)
		if got := strings.Join(r.started, ","); got != "new,other bytes,unclear" {
			t.Errorf("run: %s\n%s", got, s)
		}
		if o := sum.Outcomes[1]; !sum.Quiet() || o.Code != 0 || o.Skipped != "already tested: it failed" || o.Run != "r2" || o.Verdict != lab.Fail {
			t.Errorf("got %+v", o)
		}
	})
}

// A patch from a shared drop folder that is not for a lab is tried there once.
func TestIfChangedShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, s := newNight(t)
		not := &lab.Record{Verdict: lab.Inconclusive, Machines: []lab.MachineRecord{
			{Target: true, Outcome: &lab.PatchOutcome{Status: lab.NotApplicable}},
		}}
		n.Past = records{r.past, map[string]*lab.Record{"run-not": not, "run-own": not, "run-odd": {Verdict: lab.Inconclusive}}}
		var jobs []night.Job
		for _, arg := range []string{"not", "odd", "gone", "own"} {
			j := job(arg, arg)
			j.Shared = arg != "own"
			jobs = append(jobs, j)
			r.past.add(j, "run-"+arg, lab.Inconclusive, time.Now().Add(-time.Hour))
		}
		sum, err := n.Run(t.Context(), jobs, night.Options{IfChanged: true, Jobs: 1})
		must(t, err)
		if got := strings.Join(r.started, " "); got != "gone odd own" || sum.Outcomes[0].Skipped != "nothing to do on this lab" || !sum.Quiet() {
			t.Errorf("run: %s, %+v", got, sum.Outcomes[0])
		}
		if !strings.Contains(s.String(), "cannot read the record of run run-gone: it is gone") {
			t.Errorf("it said\n%s", s)
		}
	})
}

// What is not known of earlier runs does not keep anything from being tested.
func TestPastUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, s := newNight(t)
		r.past.add(job("l", "a"), "r1", lab.Pass, time.Now().Add(-time.Hour))
		r.past.err = errors.New("altered after it was written")
		sum, err := n.Run(t.Context(), []night.Job{job("l", "a")}, night.Options{IfChanged: true})
		must(t, err)
		if got := results(sum); got != "a 0 pass" || sum.Outcomes[0].Before != "" {
			t.Errorf("got %s", got)
		}
		if !strings.Contains(s.String(), "cannot tell whether it was tested: altered") {
			t.Errorf("it said\n%s", s)
		}
	})
}

// The summary comes in any case, and what cannot be written is said.
func TestStateCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, s := newNight(t)
		r.steps["a"] = step{takes: time.Minute, out: night.Outcome{Verdict: lab.Pass}, do: func() {
			states, _ := filepath.Glob(filepath.Join(n.Dir, "*.json"))
			for _, path := range states { // a folder in its place
				must(t, os.Remove(path))
				must(t, os.MkdirAll(filepath.Join(path, "full"), 0o700))
			}
		}}
		sum, err := n.Run(t.Context(), []night.Job{job("l", "a"), job("l", "b")}, night.Options{})
		must(t, err)
		if got := results(sum); got != "a 0 pass, b 0 pass" || !strings.Contains(s.String(), "cannot keep what the night has done") {
			t.Errorf("got %s\n%s", got, s)
		}
	})
}

// Where the state cannot be written from the first, nothing is begun, and
// nothing is taken for a pass that was cut off later.
func TestStateCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		_, err := n.Run(t.Context(), []night.Job{job("l", "a")}, night.Options{})
		must(t, err)
		r.started = nil
		path := ""
		r.steps["find"] = step{do: func() {
			states, _ := filepath.Glob(filepath.Join(n.Dir, "*.json"))
			path = states[0]
		}}
		_, err = n.Run(t.Context(), []night.Job{job("bad", "find")}, night.Options{})
		must(t, err)
		r.started = nil
		must(t, os.MkdirAll(filepath.Join(path, "full"), 0o700))
		_, err = n.Run(t.Context(), []night.Job{job("l", "a"), job("bad", "b")}, night.Options{})
		if _, ok := errors.AsType[*lab.HostError](err); !ok || len(r.started) != 0 {
			t.Fatalf("got %v, made %v", err, r.started)
		}
		must(t, os.RemoveAll(path))
		noneLeft(t, n)
	})
}
