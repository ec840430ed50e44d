package night_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
)

var began = time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)

func everything() *night.Summary {
	o := func(labName, patch string, change func(*night.Outcome)) night.Outcome {
		out := night.Outcome{Job: job(labName, patch), Verdict: lab.Pass, Started: began, Run: "r-" + patch}
		change(&out)
		return out
	}
	return &night.Summary{Started: began, Since: began.Add(-3 * time.Hour), Resumed: true, Seconds: 5700, Code: 1, Outcomes: []night.Outcome{
		o("dental", "good", func(*night.Outcome) {}),
		o("dental", "better", func(o *night.Outcome) { o.Before = lab.Fail }),
		o("dental", "late", func(o *night.Outcome) {
			o.Code, o.Verdict, o.Run, o.Started, o.Reason = 3, "", "", time.Time{}, "would not be finished by 06:00: it takes about 60 min"
		}),
		o("law", "busy", func(o *night.Outcome) {
			o.Code, o.Verdict, o.Run, o.Started, o.Reason = 4, "", "", time.Time{}, "another night (pid 12 since 2026-03-01 22:04) is at work on it"
		}),
		{Job: night.Job{LabDir: "/labs/bad"}, Code: 2, Reason: "lab.hcl:3: no such machine"},
		o("law", "odd", func(o *night.Outcome) {
			o.Code, o.Verdict, o.Reason, o.Dir = 3, lab.Inconclusive, "the definition has no checks", "/runs/law/r-odd"
			o.Before = lab.Inconclusive
		}),
		o("law", "cut", func(o *night.Outcome) {
			o.Code, o.Verdict, o.Run, o.Reason, o.Log = 3, "", "", "did not finish by 06:00", "/logs/cut.log"
		}),
		o("law", "page", func(o *night.Outcome) {
			o.Code, o.Verdict, o.Reason, o.Before, o.Dir = 1, lab.Fail, "check \"page\" passed before", lab.Pass, "/runs/law/r-page"
		}),
		o("dental", "early", func(o *night.Outcome) { o.Code, o.Verdict, o.Skipped = 1, lab.Fail, "made before the pass was cut off" }),
		o("dental", "same", func(o *night.Outcome) { o.Skipped = "already tested: it passed" }),
	}}
}

const everythingText = `The pass that began at 20:00 was cut off, and gone on with at 23:00.

law (LAW): page: failed: check "page" passed before
  passed the time before
  record: /runs/law/r-page

dental (DENTAL): early: failed
  made before the pass was cut off
  tested for the first time
  run: r-early

law (LAW): odd: inconclusive: the definition has no checks
  was inconclusive the time before
  record: /runs/law/r-odd

law (LAW): cut: no verdict: did not finish by 06:00
  log: /logs/cut.log

/labs/bad: broken: lab.hcl:3: no such machine

law (LAW): busy: busy: another night (pid 12 since 2026-03-01 22:04) is at work on it

dental (DENTAL): late: not started: would not be finished by 06:00: it takes about 60 min

2 passed: dental: good, dental: better (failed the time before); 1 skipped: dental: same (already tested: it passed).
10 jobs in all, in 1 h 35 min.
`

func TestText(t *testing.T) {
	if got := everything().Text(); got != everythingText {
		t.Errorf("got\n%s", got)
	}
	empty := &night.Summary{}
	if got := empty.Text(); got != "0 jobs in all, in 0 s.\n" || !empty.Quiet() {
		t.Errorf("got %q", got)
	}
}

func TestTextHostile(t *testing.T) {
	evil := "\x1b[2J\x1b]0;x\a<script>\u202e\xff\r\n" + strings.Repeat("A", 1<<20)
	s := &night.Summary{}
	for code := range 5 {
		s.Outcomes = append(s.Outcomes, night.Outcome{
			Job:  night.Job{LabDir: evil, Lab: evil, Client: evil, Arg: evil, Patch: evil, Err: errors.New(evil)},
			Code: code, Verdict: lab.Fail, Reason: evil, Run: evil, Dir: evil, Log: evil, Skipped: evil, Before: lab.Verdict(evil),
		})
	}
	for range 1000 {
		s.Outcomes = append(s.Outcomes, night.Outcome{Job: night.Job{Lab: "l", Patch: "p"}, Verdict: lab.Pass})
	}
	text := s.Text()
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%q in the text", r)
		}
	}
	if strings.Contains(text, "\uFFFD[2J") || len(text) > 100_000 || !strings.Contains(text, "and 980 more") {
		t.Errorf("%d bytes", len(text))
	}
	var b bytes.Buffer
	must(t, s.JSON(&b))
	if !json.Valid(b.Bytes()) || bytes.Contains(b.Bytes(), []byte("<script>")) || bytes.ContainsRune(b.Bytes(), '\x1b') {
		t.Error("the JSON is not harmless")
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	must(t, everything().JSON(&b))
	var got struct {
		Version  int              `json:"version"`
		Started  time.Time        `json:"started"`
		Since    time.Time        `json:"since"`
		Resumed  bool             `json:"resumed"`
		Seconds  float64          `json:"seconds"`
		Code     int              `json:"code"`
		Outcomes []map[string]any `json:"outcomes"`
	}
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	must(t, d.Decode(&got))
	if got.Version != 1 || !got.Started.Equal(began) || !got.Resumed || got.Seconds != 5700 || got.Code != 1 || len(got.Outcomes) != 10 {
		t.Errorf("got %+v", got)
	}
	var list []string
	for _, o := range got.Outcomes {
		list = append(list, fmt.Sprint(o["result"]))
	}
	if s := strings.Join(list, ", "); s != "passed, passed, not started, busy, broken, inconclusive, no verdict, failed, failed, skipped" {
		t.Errorf("got %s", s)
	}
	first := got.Outcomes[0]
	for _, name := range strings.Fields("lab_dir lab client arg patch sha256 definition result code verdict reason run dir before started seconds skipped log") {
		if _, ok := first[name]; !ok {
			t.Errorf("there is no %s", name)
		}
	}
	if _, there := got.Outcomes[2]["started"]; len(first) != 18 || there {
		t.Errorf("got %v", first)
	}
	empty := &night.Summary{}
	b.Reset()
	must(t, empty.JSON(&b))
	if !strings.Contains(b.String(), `"outcomes": []`) {
		t.Errorf("got %s", &b)
	}
	if err := empty.JSON(full{}); err == nil {
		t.Error("a full disk went unnoticed")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
