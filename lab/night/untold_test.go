package night_test

import (
	"context"
	"errors"
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

var (
	failed = step{takes: time.Minute, out: night.Outcome{Code: 1, Verdict: lab.Fail, Reason: "the page is gone"}}
	passed = step{takes: time.Minute, out: night.Outcome{Verdict: lab.Pass}}
)

// states are the files of the passes that are not forgotten.
func states(t *testing.T, n *night.Night) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(n.Dir, "*.json"))
	must(t, err)
	return list
}

// What nobody could be told of is told by the next night, and once.
func TestUntoldIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		r.steps["bad"] = failed
		jobs := []night.Job{job("a", "bad"), job("b", "fine")}
		refused := errors.New("every target refused it")
		for i, tt := range []struct {
			tell    error
			pause   time.Duration // after it
			want    string
			skipped string
			states  int
		}{
			{refused, time.Hour, "bad 1 fail, fine 0 pass", "", 1},
			{refused, 24 * time.Hour, "bad 1 fail, fine 0 pass", "made in a night that could not be told", 1},
			{nil, 24 * time.Hour, "bad 1 fail, fine 0 pass", "made in a night that could not be told", 0},
			{nil, 0, "bad 0 fail, fine 0 pass", "already tested: it failed", 0},
		} {
			told := ""
			n.Tell = func(s *night.Summary) error {
				told = results(s)
				return tt.tell
			}
			sum, err := n.Run(t.Context(), jobs, night.Options{IfChanged: true})
			must(t, err)
			if told != tt.want || sum.Outcomes[0].Skipped != tt.skipped || len(states(t, n)) != tt.states || sum.Resumed {
				t.Errorf("night %d: told %s, %q; %d states, resumed %v", i, told, sum.Outcomes[0].Skipped, len(states(t, n)), sum.Resumed)
			}
			time.Sleep(tt.pause)
		}
		if got := strings.Join(r.started, " "); got != "bad fine" {
			t.Errorf("made: %s", got)
		}
		noneLeft(t, n)
	})
}

// One target that is gone for good does not have the others told the same for
// ever.
func TestUntoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		r.steps["bad"] = failed
		n.Tell = func(*night.Summary) error { return errors.New("one target refused it") }
		var codes []int
		for range 9 {
			sum, err := n.Run(t.Context(), []night.Job{job("a", "bad")}, night.Options{IfChanged: true})
			must(t, err)
			codes = append(codes, sum.Code)
			time.Sleep(24 * time.Hour)
		}
		if want := []int{1, 1, 1, 1, 1, 1, 1, 0, 0}; !slices.Equal(codes, want) {
			t.Errorf("codes %v, want %v", codes, want)
		}
		noneLeft(t, n)
	})
}

// What was not told of a lab is told although nothing has arrived for it since.
func TestUntoldWithoutJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		r.steps["bad"] = failed
		o := night.Options{IfChanged: true, Labs: map[string]string{"a": job("a", "bad").LabDir, "b": "/labs/b"}}
		n.Tell = func(*night.Summary) error { return errors.New("no mail") }
		_, err := n.Run(t.Context(), []night.Job{job("a", "bad")}, o)
		must(t, err)
		n.Tell = nil
		for _, want := range []string{"bad 1 fail", ""} {
			sum, err := n.Run(t.Context(), nil, o)
			must(t, err)
			if got := results(sum); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		noneLeft(t, n)
	})
}

// A night that was not told is over: without IfChanged all is made again.
func TestUntoldIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		r.steps["bad"], r.steps["gone"] = failed, failed
		n.Tell = func(*night.Summary) error { return errors.New("no mail") }
		_, err := n.Run(t.Context(), []night.Job{job("a", "bad"), job("a", "gone")}, night.Options{Jobs: 1})
		must(t, err)
		r.steps["bad"], n.Tell = passed, nil
		sum, err := n.Run(t.Context(), []night.Job{job("a", "bad")}, night.Options{})
		must(t, err)
		// Of the patch that is no longer there nobody would ever hear.
		if got := results(sum); got != "bad 0 pass, gone 1 fail" || sum.Code != 1 {
			t.Fatalf("got %s", got)
		}
		if o := sum.Outcomes[1]; o.Skipped != "made in a night that could not be told" || o.Dir != "/runs/a/run-gone" {
			t.Errorf("got %+v", o)
		}
		noneLeft(t, n)
	})
}

// crashed makes a night in which a patch failed and that was cut off before it
// was told, then spoils something, and returns the next one.
func crashed(t *testing.T, labDir string, spoil func(n *night.Night, jobs []night.Job)) (*night.Summary, *night.Night) {
	t.Helper()
	n, r, _ := newNight(t)
	ctx, cancel := context.WithCancel(t.Context())
	jobs := []night.Job{job("a", "bad"), job("b", "slow")}
	jobs[0].LabDir = labDir
	r.steps["bad"], r.steps["slow"] = failed, step{takes: time.Hour, out: night.Outcome{Verdict: lab.Pass}}
	time.AfterFunc(10*time.Minute, cancel)
	_, err := n.Run(ctx, jobs, night.Options{Jobs: 1, IfChanged: true})
	must(t, err)
	spoil(n, jobs)
	r.steps["slow"] = passed
	sum, err := n.Run(t.Context(), jobs, night.Options{Jobs: 1, IfChanged: true})
	must(t, err)
	return sum, n
}

// Whatever happened to its notes, what failed before a crash is told.
func TestCrashIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		labDir string
		spoil  func(n *night.Night, jobs []night.Job)
	}{
		"as it is":               {"/labs/a", func(*night.Night, []night.Job) {}},
		"no UTF-8":               {"/labs/caf\xe9", func(*night.Night, []night.Job) {}},
		"the clock was set back": {"/labs/a", func(n *night.Night, _ []night.Job) { n.Now = func() time.Time { return time.Now().Add(-time.Hour) } }},
		"another folder":         {"/releases/42/a", func(_ *night.Night, jobs []night.Job) { jobs[0].LabDir = "/releases/43/a" }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sum, n := crashed(t, tt.labDir, tt.spoil)
				if got := results(sum); got != "bad 1 fail, slow 0 pass" || sum.Outcomes[0].Skipped != "made before the pass was cut off" {
					t.Errorf("got %s, %q", got, sum.Outcomes[0].Skipped)
				}
				noneLeft(t, n)
			})
		})
	}
}

// Notes that cannot be read are told, once.
func TestUnreadableStateIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sum, n := crashed(t, "/labs/a", func(n *night.Night, _ []night.Job) {
			for _, path := range states(t, n) {
				must(t, os.WriteFile(path, nil, 0o600))
			}
		})
		if len(sum.Outcomes) != 4 || sum.Code != 3 || sum.Quiet() {
			t.Fatalf("got %s", results(sum))
		}
		if o := sum.Outcomes[2]; o.Lab != "a" || o.LabDir != "/labs/a" || !strings.HasPrefix(o.Reason, "what an earlier night did here may have been told to nobody") {
			t.Errorf("got %+v", o)
		}
		if text := sum.Text(); !strings.Contains(text, "a (A): no verdict: what an earlier night did here") {
			t.Errorf("it says\n%s", text)
		}
		noneLeft(t, n)
	})
}

// A patch for many labs that turned out to be for none is told, and by
// IfChanged once.
func TestTestedNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, _ := newNight(t)
		byRun := map[string]*lab.Record{}
		var jobs []night.Job
		idle := func(arg string, statuses ...lab.PatchStatus) {
			for i, status := range statuses {
				j := job(string(rune('a'+i)), arg)
				j.Shared = true
				jobs = append(jobs, j)
				rec := &lab.Record{Verdict: lab.Inconclusive, Machines: []lab.MachineRecord{{Target: true, Outcome: &lab.PatchOutcome{Status: status}}}}
				byRun["run-"+arg] = rec
			}
			why := map[bool]string{true: "nothing to do on this lab", false: "the machines that it is for have it already"}
			r.steps[arg] = step{takes: time.Minute, out: night.Outcome{Verdict: lab.Inconclusive, Skipped: why[statuses[0] == lab.NotApplicable]}}
		}
		idle("/drop/none.msu", lab.NotApplicable, lab.NotApplicable)
		idle("/drop/have.msu", lab.AlreadyInstalled, lab.AlreadyInstalled)
		n.Past = records{r.past, byRun}
		for i, tt := range []struct {
			ifChanged bool
			tell      error
			told      bool
		}{
			{true, errors.New("no mail"), true},
			{true, nil, true}, // nobody has heard of it
			{true, nil, false},
			{false, nil, true},
		} {
			n.Tell = func(*night.Summary) error { return tt.tell }
			sum, err := n.Run(t.Context(), jobs, night.Options{IfChanged: tt.ifChanged})
			must(t, err)
			if got := len(sum.Outcomes) == 5 && sum.Code == 3; got != tt.told || sum.Quiet() == tt.told {
				t.Fatalf("night %d: %s", i, results(sum))
			}
			if tt.told {
				o := sum.Outcomes[4]
				if o.Arg != "/drop/none.msu" || !strings.Contains(sum.Text(), "/drop/none.msu: no verdict: it was tested nowhere: no lab has a machine that it is for") {
					t.Errorf("got %+v\n%s", o, sum.Text())
				}
			}
			time.Sleep(24 * time.Hour)
		}
		noneLeft(t, n)
		// One lab that could not be asked is told anyway.
		r.steps["/drop/none.msu"] = step{out: night.Outcome{Code: 4}}
		sum, err := n.Run(t.Context(), jobs[1:2], night.Options{})
		must(t, err)
		if len(sum.Outcomes) != 1 {
			t.Errorf("got %s", results(sum))
		}
	})
}
