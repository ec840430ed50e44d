package night_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
)

// past is a Past in memory.
type past struct {
	mu      sync.Mutex
	runs    []pastRun
	seconds map[string]float64
	err     error
}

type pastRun struct {
	id, lab, patch, definition, sha256 string
	verdict                            lab.Verdict
	started                            time.Time
}

func (p *past) Done(j night.Job, since time.Time) (string, lab.Verdict, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range slices.Backward(p.runs) {
		if r.lab == j.Lab && r.definition == j.Definition && r.sha256 == j.SHA256 && r.started.After(since) {
			return r.id, r.verdict, true, p.err
		}
	}
	return "", "", false, p.err
}

func (p *past) Before(labName, patch string, t time.Time) (lab.Verdict, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range slices.Backward(p.runs) {
		if r.lab == labName && r.patch == patch && r.started.Before(t) {
			return r.verdict, p.err
		}
	}
	return "", p.err
}

func (p *past) Seconds(labName string) (float64, error) { return p.seconds[labName], p.err }

func (p *past) add(j night.Job, id string, v lab.Verdict, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs = append(p.runs, pastRun{id, j.Lab, j.Patch, j.Definition, j.SHA256, v, at})
}

// records is a Past that can read them.
type records struct {
	*past
	byRun map[string]*lab.Record
}

func (r records) Record(_, run string) (*lab.Record, error) {
	if rec := r.byRun[run]; rec != nil {
		return rec, nil
	}
	return nil, errors.New("it is gone")
}

// step is what the fake Runner does with a job.
type step struct {
	takes time.Duration
	out   night.Outcome // without Run and Dir, which it gets when it has a verdict
	do    func()
	deaf  bool // does not end with ctx
}

// runner is a Runner that makes nothing, in the bubble's time.
type runner struct {
	past  *past
	steps map[string]step // by Arg; without one it passes after a minute

	mu       sync.Mutex
	started  []string // Args, in order
	at       map[string]time.Time
	running  []night.Job
	mostMiB  int
	mostJobs int
	twice    bool // two runs of a lab were at work at once
}

func (r *runner) RunJob(ctx context.Context, j night.Job) night.Outcome {
	s, ok := r.steps[j.Arg]
	if !ok {
		s = step{takes: time.Minute, out: night.Outcome{Verdict: lab.Pass}}
	}
	began := time.Now().Add(time.Nanosecond) // a moment after the night began
	r.begin(j)
	defer r.end(j)
	if s.do != nil {
		s.do()
	}
	stop := ctx.Done()
	if s.deaf {
		stop = nil
	}
	select {
	case <-stop:
		return night.Outcome{Code: 130}
	case <-time.After(s.takes):
	}
	o := s.out
	if o.Verdict != "" {
		o.Run, o.Dir = "run-"+j.Arg, "/runs/"+j.Lab+"/run-"+j.Arg
		r.past.add(j, o.Run, o.Verdict, began)
	}
	return o
}

func (r *runner) begin(j night.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]time.Time{}
	}
	r.at[j.Arg] = time.Now()
	r.started = append(r.started, j.Arg)
	r.twice = r.twice || slices.ContainsFunc(r.running, func(o night.Job) bool { return o.Lab == j.Lab })
	r.running = append(r.running, j)
	mib := 0
	for _, j := range r.running {
		mib += 2 * j.MemoryMiB
	}
	r.mostMiB, r.mostJobs = max(r.mostMiB, mib), max(r.mostJobs, len(r.running))
}

func (r *runner) end(j night.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.running, func(o night.Job) bool { return o.Arg == j.Arg })
	r.running = slices.Delete(r.running, i, i+1)
}

// said are the lines that a night said.
type said struct{ lines []string }

func (s *said) say(line string) { s.lines = append(s.lines, line) }

func (s *said) String() string { return strings.Join(s.lines, "\n") }

func newNight(t *testing.T) (*night.Night, *runner, *said) {
	t.Helper()
	p := &past{seconds: map[string]float64{}}
	r, s := &runner{past: p, steps: map[string]step{}}, &said{}
	return &night.Night{Dir: filepath.Join(t.TempDir(), "night"), Past: p, Runner: r, Say: s.say}, r, s
}

// job is a job on a lab with two words: the lab and the patch.
func job(labName, arg string) night.Job {
	return night.Job{
		LabDir: "/labs/" + labName, Lab: labName, Client: strings.ToUpper(labName), Arg: arg, Patch: arg,
		SHA256: "sha-" + arg, Definition: "def-" + labName, MemoryMiB: 1024, Targets: 1, Impact: lab.ImpactNormal,
	}
}

// results are the outcomes in short: "arg code verdict", sorted as the jobs.
func results(s *night.Summary) string {
	var out []string
	for _, o := range s.Outcomes {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %d %s", o.Arg, o.Code, o.Verdict)))
	}
	return strings.Join(out, ", ")
}

// noneLeft fails the test when a lock or a state of a night is left.
func noneLeft(t *testing.T, n *night.Night) {
	t.Helper()
	entries, err := os.ReadDir(n.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("%s is left", e.Name())
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
