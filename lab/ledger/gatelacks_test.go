package ledger

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// tried is a run of patch name on some machines, as the definition's part is.
func tried(hours float64, v lab.Verdict, name, targets, part string, files ...string) Entry {
	e := ran(hours, v, files...)
	e.Patch.Name, e.Run.Targets = name, strings.Fields(targets)
	if part != "" {
		e.Definition.Parts[partOf(name)] = part
	}
	return e
}

func weakly(e Entry, weak ...string) Entry {
	return but(e, func(e *Entry) { e.Run.Weak = weak })
}

// TestJudgeLacks has passes of the very bytes that failed, of another test.
func TestJudgeLacks(t *testing.T) {
	trial := func(e Entry) Entry { return but(e, func(e *Entry) { e.Run.Trial = true }) }
	for name, c := range map[string]judged{
		"another machine": {
			[]Entry{tried(4, lab.Fail, "x", "web", "", "a"), tried(2, lab.Pass, "y", "db", "", "a")},
			"a", 0, DidFail,
			"run run-4: because of fail; run run-2, which passed later, was not on web", "",
		},
		"one of two":   {[]Entry{tried(4, lab.Fail, "x", "web db", "", "a"), tried(2, lab.Pass, "x", "db", "", "a")}, "a", 0, DidFail, "was not on web", ""},
		"one is gone":  {[]Entry{tried(4, lab.Fail, "x", "web gone", "", "a"), tried(2, lab.Pass, "x", "web", "", "a")}, "a", 0, "", "run-2", ""},
		"more":         {[]Entry{tried(4, lab.Fail, "x", "web", "", "a"), tried(2, lab.Pass, "x", "db web", "", "a")}, "a", 0, "", "run-2", ""},
		"nobody knows": {[]Entry{tried(4, lab.Fail, "x", "", "", "a"), tried(2, lab.Pass, "x", "web", "", "a")}, "a", 0, DidFail, "does not say on which machines", ""},

		"defined, then by path": {
			[]Entry{tried(4, lab.Fail, "strict", "web", "1", "a"), tried(2, lab.Pass, "a.deb", "web", "2", "a")},
			"a", 0, DidFail,
			`run-2, which passed later, was not of patch "strict" as it is defined`, "",
		},
		"defined, again":             {[]Entry{tried(4, lab.Fail, "strict", "web", "1", "a"), tried(2, lab.Pass, "strict", "web", "1", "a")}, "a", 0, "", "run-2", ""},
		"defined otherwise now":      {[]Entry{tried(4, lab.Fail, "strict", "web", "0", "a"), tried(2, lab.Pass, "strict", "web", "1", "a")}, "a", 0, "", "run-2", ""},
		"by path, then as defined":   {[]Entry{tried(4, lab.Fail, "a.deb", "web", "2", "a"), tried(2, lab.Pass, "strict", "web", "1", "a")}, "a", 0, "", "run-2", ""},
		"no longer defined":          {[]Entry{tried(4, lab.Fail, "gone", "web", "1", "a"), tried(2, lab.Pass, "a.deb", "web", "2", "a")}, "a", 0, "", "run-2", ""},
		"defined, then in a batch":   {[]Entry{tried(4, lab.Fail, "strict", "web", "1", "a"), tried(2, lab.Pass, "all", "web", "", "a", "b")}, "a b", 0, DidFail, "strict", ""},
		"defined, then in a trial":   {[]Entry{tried(4, lab.Fail, "strict", "web", "1", "a"), trial(tried(2, lab.Pass, "strict", "web", "1", "a"))}, "a", 0, DidFail, "one trial of a bisection", ""},
		"a trial in the batch":       {[]Entry{tried(4, lab.Fail, "x", "web", "", "a"), trial(tried(2, lab.Pass, "y", "web", "", "a", "b"))}, "a b", 0, DidFail, "run-4, in a patch of pool/a.deb: because of fail; run run-2", ""},
		"a trial, and nothing else":  {[]Entry{trial(ran(2, lab.Pass, "a"))}, "a", 0, "", "run-2", "one trial of a bisection: nobody looked"},
		"a trial failed, then again": {[]Entry{trial(ran(4, lab.Fail, "a")), ran(2, lab.Pass, "a")}, "a", 0, "", "run-2", ""},

		"without control arm": {
			[]Entry{ran(4, lab.Fail, "a"), weakly(ran(2, lab.Pass, "a"), WithoutControl)},
			"a", 0, DidFail,
			"run-2, which passed later, was made with no control arm", "",
		},
		"without both":            {[]Entry{ran(4, lab.Fail, "a"), weakly(ran(2, lab.Pass, "a"), WithoutControl, WithoutReboot)}, "a", 0, DidFail, "no control arm, no verifying reboot", ""},
		"both without":            {[]Entry{weakly(ran(4, lab.Fail, "a"), WithoutControl), weakly(ran(2, lab.Pass, "a"), WithoutControl)}, "a", 0, "", "run-2", ""},
		"with more care":          {[]Entry{weakly(ran(4, lab.Fail, "a"), WithoutControl), ran(2, lab.Pass, "a")}, "a", 0, "", "run-2", ""},
		"without reboot by path":  {[]Entry{tried(4, lab.Fail, "a.deb", "web", "1", "a"), weakly(tried(2, lab.Pass, "a.deb", "web", "2", "a"), WithoutReboot)}, "a", 0, DidFail, "no verifying reboot", ""},
		"no reboot in the patch":  {[]Entry{tried(4, lab.Fail, "x", "web", "1", "a"), weakly(tried(2, lab.Pass, "x", "web", "1", "a"), WithoutReboot)}, "a", 0, "", "run-2", ""},
		"no reboot, and no arm":   {[]Entry{tried(4, lab.Fail, "x", "web", "1", "a"), weakly(tried(2, lab.Pass, "x", "web", "1", "a"), WithoutControl, WithoutReboot)}, "a", 0, DidFail, "no control arm", ""},
		"approved all the same":   {[]Entry{ran(6, lab.Fail, "a"), weakly(ran(4, lab.Pass, "a"), WithoutControl), approve(2, "a")}, "a", 0, "", "jane", ""},
		"weak, then whole":        {[]Entry{ran(6, lab.Fail, "a"), ran(4, lab.Pass, "a"), weakly(ran(2, lab.Pass, "a"), WithoutControl)}, "a", 0, "", "run-2", "no control arm"},
		"weak, and failed before": {[]Entry{ran(8, lab.Pass, "a"), ran(6, lab.Fail, "a"), weakly(ran(2, lab.Pass, "a"), WithoutControl)}, "a", 0, DidFail, "run-6", ""},

		"one file in two patches, each failed and passed": {
			[]Entry{
				tried(8, lab.Fail, "strict", "web", "1", "a"), tried(6, lab.Fail, "x", "db", "", "a"),
				tried(4, lab.Pass, "strict", "web", "1", "a"), tried(2, lab.Pass, "x", "db", "", "a"),
			}, "a", 0, "", "run-2", "",
		},
		"one file in two patches, one failed since": {
			[]Entry{tried(8, lab.Pass, "strict", "web", "1", "a"), tried(6, lab.Pass, "x", "db", "", "a"), tried(4, lab.Fail, "strict", "web", "1", "a")}, "a", 0, DidFail, "run-4", "",
		},
		"installed for nothing elsewhere": {
			[]Entry{but(ran(2, lab.Pass, "a"), func(e *Entry) { e.Run.Unused = []string{"db", "desk"} })}, "a", 0, "", "(web)", "nothing was to do on db, desk",
		},
		"a file that replaces": {[]Entry{but(ran(2, lab.Pass, "a"), func(e *Entry) { e.Patch.Kind = lab.PatchFile })}, "a", 0, "", "run-2", "as a file that replaces another"},
	} {
		t.Run(name, func(t *testing.T) {
			q := asked(c.maxAge)
			q.Now.Parts[partOf("strict")] = "1"
			b := newBench(q, noon, told(c.entries...), sound)
			check(t, ask(b, strings.Fields(c.files)...), c)
			if listed := len(b.approved()) > 0; listed && c.want != "" && !strings.Contains(c.files, " ") {
				t.Error("it is in the approved set")
			}
		})
	}
}

// TestJudgeSkew has two hosts whose clocks differ as ordinary ones do.
func TestJudgeSkew(t *testing.T) {
	past := clockSkew.Hours()
	for _, c := range []struct {
		started, entered float64 // hours after the failure's
		want             Refusal
	}{
		{0.01, 0.01, DidFail},
		{past, past + 0.1, DidFail},
		{past + 0.1, past, DidFail},
		{past + 0.1, past + 0.1, ""},
	} {
		x := of("other", ran(4, lab.Fail, "a"))
		e := ran(3, lab.Pass, "a")
		e.Run.Started, e.Time = ago(5-c.started), ago(4-c.entered)
		b := newBench(asked(0), noon, told(x, e), sound)
		check(t, ask(b, "a"), judged{want: c.want})
		r := of("other", reject(4, "a"))
		y := approve(3, "a")
		y.Time = e.Time
		want := Refusal("")
		if c.entered <= past {
			want = Rejected
		}
		b = newBench(asked(0), noon, told(r, y), sound)
		check(t, ask(b, "a"), judged{want: want, says: ""})
	}
}

// TestJudgeAbsent has a run of another host that came without its record.
func TestJudgeAbsent(t *testing.T) {
	gone := func(e *Entry) error {
		if e.Of != "other" {
			return nil
		}
		return fmt.Errorf("it is gone: %w", fs.ErrNotExist)
	}
	theirs, failing := of("other", ran(2, lab.Pass, "a")), of("other", ran(2, lab.Fail, "a"))
	for name, c := range map[string]judged{
		"beside a sound one": {[]Entry{ran(4, lab.Pass, "a"), theirs}, "a", 0, "", "run-4", "run run-2, but its record was not there when its ledger was merged"},
		"alone":              {[]Entry{theirs}, "a", 0, BrokenEvidence, "was not there when its ledger was merged", ""},
		"beside an old one":  {[]Entry{on(ran(4, lab.Pass, "a"), definition("web=0")), theirs}, "a", 0, ChangedLab, "run-4", ""},
		"failing":            {[]Entry{ran(4, lab.Pass, "a"), failing}, "a", 0, DidFail, "run-2", ""},
		"answers nothing":    {[]Entry{ran(4, lab.Fail, "a"), of("other", ran(2, lab.Pass, "a")), ran(6, lab.Pass, "a")}, "a", 0, DidFail, "run-4", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(asked(0), noon, told(c.entries...), gone)
			b.absent = map[runOf]bool{{"other", "run-2"}: true}
			check(t, ask(b, "a"), c)
		})
	}
	b := newBench(asked(0), noon, told(ran(4, lab.Pass, "a"), theirs), gone)
	check(t, ask(b, "a"), judged{want: BrokenEvidence, says: "run-2"}) // gone without a word
}
