package night

import (
	"context"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestSettle(t *testing.T) {
	by := t0
	for _, tt := range []struct {
		name   string
		o      Outcome
		cause  error
		code   int
		reason string
	}{
		{"passed", Outcome{Verdict: lab.Pass, Reason: "fine"}, nil, 0, "fine"},
		{"passed as it was interrupted", Outcome{Verdict: lab.Pass, Reason: "fine"}, context.Canceled, 0, "fine"},
		{"failed, and ended badly", Outcome{Verdict: lab.Fail, Code: 3}, nil, 1, ""},
		{"failed, and said it was well", Outcome{Verdict: lab.Fail}, nil, 1, ""},
		{"passed, and ended badly", Outcome{Verdict: lab.Pass, Code: 2, Reason: "odd"}, nil, 3, "odd"},
		{"inconclusive", Outcome{Verdict: lab.Inconclusive, Code: 3}, nil, 3, ""},
		{"time is up", Outcome{Code: 130, Reason: "all was cleaned up"}, errFinishBy, 3, "did not finish by 23:00: all was cleaned up"},
		{"interrupted", Outcome{Code: 130}, context.Canceled, 130, "interrupted"},
		{"interrupted, and killed", Outcome{Code: 3, Reason: "it died"}, context.Canceled, 130, "interrupted: it died"},
		{"somebody else interrupted it", Outcome{Code: 130}, nil, 3, "somebody else interrupted it"},
		{"nothing at all", Outcome{}, nil, 3, "it ended with code 0 and without a verdict"},
		{"failed, without a verdict", Outcome{Code: 1}, nil, 3, "it ended with code 1 and without a verdict"},
		{"broken", Outcome{Code: 2, Reason: "r"}, nil, 2, "r"},
		{"busy", Outcome{Code: 4, Reason: "r"}, nil, 4, "r"},
		{"nothing to do on this lab", Outcome{Verdict: lab.Inconclusive, Skipped: nothingToDo}, nil, 0, ""},
		{"skipped with a fault", Outcome{Code: 3, Skipped: "because", Reason: "r"}, nil, 3, "r"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := Job{Lab: "l", Arg: "a", SHA256: "planned", Definition: "planned"}
			o := settle(j, tt.o, tt.cause, by)
			if o.Code != tt.code || o.Reason != tt.reason {
				t.Errorf("got %d %q, want %d %q", o.Code, o.Reason, tt.code, tt.reason)
			}
			if o.Lab != "l" || o.Arg != "a" || o.SHA256 != "planned" {
				t.Errorf("got %+v", o.Job)
			}
		})
	}
	// What was really tested counts.
	o := settle(Job{Lab: "l", SHA256: "planned", Definition: "planned"},
		Outcome{Job: Job{Lab: "x", SHA256: "real", Definition: "true"}, Verdict: lab.Pass}, nil, by)
	if o.Lab != "l" || o.SHA256 != "real" || o.Definition != "true" {
		t.Errorf("got %+v", o.Job)
	}
}

func TestWorse(t *testing.T) {
	for _, tt := range [][3]int{{0, 0, 0}, {0, 3, 3}, {1, 130, 1}, {4, 1, 1}, {4, 2, 4}, {3, 130, 130}} {
		if got := worse(tt[0], tt[1]); got != tt[2] {
			t.Errorf("worse(%d, %d) = %d", tt[0], tt[1], got)
		}
	}
}

func TestWhy(t *testing.T) {
	for _, tt := range []struct {
		task task
		want string
	}{
		{task{}, "never tested"},
		{task{before: lab.Fail}, "never tested, failed the time before"},
		{task{tested: true, before: lab.Fail}, "failed the time before"},
		{task{tested: true, before: lab.Pass, Job: Job{Impact: lab.ImpactHigh}}, "tested before, high impact"},
		{task{tested: true}, "tested before"},
	} {
		if got := tt.task.why(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// Random bytes on a command's outputs are an outcome like any other.
func FuzzConclude(f *testing.F) {
	f.Add(0, []byte(`{"version":1,"verdict":"pass","reason":"r"}`), []byte("patchlab: error: x\n"))
	f.Add(2, []byte(""), []byte("Error: a\n  on x line 1:\n\nb\nError: c\n"))
	f.Add(1, []byte("{"), []byte("panic: \x1b[31m\xff\r\n"))
	f.Add(3, []byte(`{"version":1,"verdict":"inconclusive","machines":[{"target":true,"outcome":{"status":"not-applicable"}}]}`), []byte("\r"))
	f.Fuzz(func(t *testing.T, code int, out, said []byte) {
		record := &bounded{most: 1 << 16}
		_, _ = record.Write(out)
		o := settle(Job{}, conclude(Job{Shared: true}, exit{code: code}, record, said), nil, t0)
		if o.Reason != lab.Printable(o.Reason, 0) || len(o.Reason) > maxReason+100 {
			t.Errorf("reason %q", o.Reason)
		}
		if o.Code == codeOK && o.Verdict != lab.Pass && o.Skipped == "" {
			t.Errorf("nothing said that it passed: %+v", o)
		}
	})
}
