package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// noon is now, for the gate's tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func ago(hours float64) time.Time { return noon.Add(-time.Duration(hours * float64(time.Hour))) }

func sumText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// definition is a lab's, of parts such as "web=1".
func definition(parts ...string) *lab.Fingerprint {
	f := &lab.Fingerprint{Parts: map[string]string{}}
	for _, p := range parts {
		name, sum, _ := strings.Cut(p, "=")
		f.Parts[fmt.Sprintf("machine %q", name)] = sum
	}
	return f
}

// patchOf is a patch of files that are called as what is in them; one that
// begins with "~" lies beside.
func patchOf(files ...string) *lab.PatchRecord {
	p := &lab.PatchRecord{Name: "patch of " + strings.Join(files, "+"), Kind: lab.PatchDeb}
	for _, f := range files {
		bare, beside := strings.CutPrefix(f, "~")
		p.Files = append(p.Files, lab.FileRecord{Name: "pool/" + bare + ".deb", SHA256: sumText(bare), Beside: beside})
	}
	return p
}

// at is an entry of the lab dental so many hours ago.
func at(hours float64, kind Kind, files ...string) Entry {
	return Entry{
		Time: ago(hours), Kind: kind, Lab: "dental", Host: "nest", Of: "own",
		Patch: patchOf(files...), Definition: definition("web=1"),
	}
}

func ran(hours float64, v lab.Verdict, files ...string) Entry {
	e := at(hours, Run, files...)
	e.Run = &RunEntry{
		ID: fmt.Sprintf("run-%g", hours), Started: ago(hours + 1), Verdict: v,
		Reason: "because of " + string(v), Targets: []string{"web"},
	}
	return e
}

func approve(hours float64, files ...string) Entry {
	e := at(hours, Approve, files...)
	e.Decision = &Decision{By: "jane", Reason: "looked at it"}
	return e
}

func reject(hours float64, files ...string) Entry {
	e := at(hours, Reject, files...)
	e.Decision = &Decision{By: "joe", Reason: "breaks the printer"}
	return e
}

// but is e with something other.
func but(e Entry, change func(*Entry)) Entry {
	change(&e)
	return e
}

func ending(e Entry, t time.Time) Entry { return but(e, func(e *Entry) { e.Decision.Until = t }) }

func on(e Entry, f *lab.Fingerprint) Entry { return but(e, func(e *Entry) { e.Definition = f }) }

func of(ledger string, e Entry) Entry { return but(e, func(e *Entry) { e.Of = ledger }) }

// told numbers entries, which are in the order they were entered in each
// ledger, and brings them into the order of Entries.
func told(entries ...Entry) []Entry {
	seq := map[string]int{}
	for i := range entries {
		seq[entries[i].Of]++
		entries[i].Seq = seq[entries[i].Of]
	}
	sortNewest(entries)
	return entries
}

func sound(*Entry) error { return nil }

func asked(maxAge time.Duration) Question {
	return Question{Lab: "dental", Now: *definition("web=1"), MaxAge: maxAge}
}

// ask is the answer for the first of files, when all of them are given.
func ask(b *bench, files ...string) Answer {
	together := hashes{}
	for _, f := range files {
		together[sumText(f)] = true
	}
	return b.answer(given{Path: files[0] + ".deb", FileRecord: lab.FileRecord{Name: files[0] + ".deb", SHA256: sumText(files[0])}}, together)
}

type judged struct {
	entries []Entry // in the order they were entered
	files   string  // given; of the first the answer is wanted
	maxAge  time.Duration
	want    Refusal // "": allowed
	says    string  // in the reason
	notes   string  // in the notes
}

func TestJudge(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]judged{
		"nothing":         {nil, "a", 0, NeverTested, `was never tested on lab "dental"`, ""},
		"pass":            {[]Entry{ran(2, lab.Pass, "a")}, "a", 0, "", `passed on lab "dental" (web) on 2026-11-23 09:00 UTC, run run-2`, ""},
		"fail":            {[]Entry{ran(2, lab.Fail, "a")}, "a", 0, DidFail, `failed on lab "dental" (web) on 2026-11-23 09:00 UTC, run run-2: because of fail`, ""},
		"inconclusive":    {[]Entry{ran(2, lab.Inconclusive, "a")}, "a", 0, NotConclusive, "run run-2: because of inconclusive", ""},
		"unknown verdict": {[]Entry{ran(2, "splendid", "a")}, "a", 0, NotConclusive, "run-2", ""},
		"other lab":       {[]Entry{but(ran(2, lab.Pass, "a"), func(e *Entry) { e.Lab = "garage" })}, "a", 0, NeverTested, "", ""},

		"pass, fail":         {[]Entry{ran(4, lab.Pass, "a"), ran(2, lab.Fail, "a")}, "a", 0, DidFail, "run-2", ""},
		"fail, pass":         {[]Entry{ran(4, lab.Fail, "a"), ran(2, lab.Pass, "a")}, "a", 0, "", "run-2", ""},
		"pass, inconclusive": {[]Entry{ran(4, lab.Pass, "a"), ran(2, lab.Inconclusive, "a")}, "a", 0, "", "run-4", ""},
		"fail, inconclusive": {[]Entry{ran(4, lab.Fail, "a"), ran(2, lab.Inconclusive, "a")}, "a", 0, DidFail, "run-4", ""},

		"approve only":          {[]Entry{approve(2, "a")}, "a", 0, "", `approved by jane on lab "dental" on 2026-11-23 10:00 UTC`, "no run said anything"},
		"approve says why":      {[]Entry{approve(2, "a")}, "a", 0, "", "", "given as the reason: looked at it"},
		"fail, approve":         {[]Entry{ran(4, lab.Fail, "a"), approve(2, "a")}, "a", 0, "", "approved by jane", "the newest run of it failed on lab"},
		"approve, fail":         {[]Entry{approve(4, "a"), ran(2, lab.Fail, "a")}, "a", 0, DidFail, "run-2", ""},
		"approve, inconclusive": {[]Entry{approve(4, "a"), ran(2, lab.Inconclusive, "a")}, "a", 0, "", "approved", ""},
		"approved while the failing run went": {
			[]Entry{approve(2.5, "a"), ran(2, lab.Fail, "a")}, "a", 0, DidFail, "run-2", "",
		},

		"reject":                        {[]Entry{reject(2, "a")}, "a", 0, Rejected, `rejected by joe on lab "dental" on 2026-11-23 10:00 UTC: breaks the printer`, ""},
		"pass, reject":                  {[]Entry{ran(4, lab.Pass, "a"), reject(2, "a")}, "a", 0, Rejected, "", ""},
		"reject, pass":                  {[]Entry{reject(4, "a"), ran(2, lab.Pass, "a")}, "a", 0, Rejected, "joe", ""},
		"reject, approve":               {[]Entry{reject(4, "a"), approve(2, "a")}, "a", 0, "", "jane", ""},
		"approve, reject":               {[]Entry{approve(4, "a"), reject(2, "a")}, "a", 0, Rejected, "", ""},
		"reject, approve, pass":         {[]Entry{reject(8, "a"), approve(4, "a"), ran(2, lab.Pass, "a")}, "a", 0, "", "run-2", ""},
		"reject, approve, fail":         {[]Entry{reject(8, "a"), approve(4, "a"), ran(2, lab.Fail, "a")}, "a", 0, DidFail, "", ""},
		"reject, approve, fail, pass":   {[]Entry{reject(8, "a"), approve(6, "a"), ran(4, lab.Fail, "a"), ran(2, lab.Pass, "a")}, "a", 0, "", "run-2", ""},
		"reject without who":            {[]Entry{ran(4, lab.Pass, "a"), but(reject(2, "a"), func(e *Entry) { e.Decision = nil })}, "a", 0, Rejected, "somebody", ""},
		"approve without who":           {[]Entry{but(approve(2, "a"), func(e *Entry) { e.Decision = nil })}, "a", 0, NeverTested, "", ""},
		"pass, fail, reject says worst": {[]Entry{ran(8, lab.Pass, "a"), ran(4, lab.Fail, "a"), reject(2, "a")}, "a", 0, Rejected, "", ""},

		"lifting ends with the approval":    {[]Entry{reject(48, "a"), ending(approve(40, "a"), ago(10)), ran(2, lab.Pass, "a")}, "a", 0, Rejected, "", ""},
		"lifting lasts with the approval":   {[]Entry{reject(48, "a"), ending(approve(40, "a"), ago(-10)), ran(2, lab.Pass, "a")}, "a", 0, "", "run-2", ""},
		"ended approval after fail":         {[]Entry{ran(48, lab.Fail, "a"), ending(approve(40, "a"), ago(10))}, "a", 0, Expired, "until 2026-11-23 02:00 UTC, which is past", ""},
		"ended approval, older pass":        {[]Entry{ran(48, lab.Pass, "a"), ending(approve(40, "a"), ago(10))}, "a", 0, "", "run-48", ""},
		"end is inclusive":                  {[]Entry{ending(approve(40, "a"), noon)}, "a", 0, "", "until 2026-11-23 12:00 UTC", ""},
		"end just past":                     {[]Entry{ending(approve(40, "a"), noon.Add(-1))}, "a", 0, Expired, "", ""},
		"end before it began":               {[]Entry{ending(approve(40, "a"), ago(99))}, "a", 0, Expired, "", ""},
		"an end of its own, past the limit": {[]Entry{ending(approve(400, "a"), ago(-1))}, "a", day, "", "", ""},
		"no end, past the limit":            {[]Entry{approve(48, "a")}, "a", day, Expired, "that is 2 days ago, and 24.0 hours is the limit", ""},

		"age is the limit":        {[]Entry{ran(23, lab.Pass, "a")}, "a", day, "", "", ""},
		"age past the limit":      {[]Entry{ran(23.001, lab.Pass, "a")}, "a", day, Expired, "run-23.001", ""},
		"without start":           {[]Entry{but(ran(48, lab.Pass, "a"), func(e *Entry) { e.Run.Started = time.Time{} })}, "a", day, Expired, "", ""},
		"old fail does not lapse": {[]Entry{ran(999, lab.Fail, "a")}, "a", day, DidFail, "", ""},

		"lab changed": {
			[]Entry{on(ran(2, lab.Pass, "a"), definition("web=0", "db=1"))},
			"a", 0, ChangedLab,
			`passed on lab "dental" (web) on 2026-11-23 09:00 UTC, run run-2, but the lab has changed since: machine "db" is gone, machine "web" is other`, "",
		},
		"lab changed a lot": {
			[]Entry{on(ran(2, lab.Pass, "a"), definition("web=1", "a=1", "b=1", "c=1", "d=1", "e=1", "f=1"))},
			"a", 0, ChangedLab,
			`machine "a" is gone, machine "b" is gone, machine "c" is gone, machine "d" is gone, machine "e" is gone and 1 more`, "",
		},
		"approved on another definition": {[]Entry{on(approve(2, "a"), definition("web=0"))}, "a", 0, ChangedLab, "jane", ""},
		"changed, older pass on this":    {[]Entry{ran(4, lab.Pass, "a"), on(ran(2, lab.Pass, "a"), definition("web=0"))}, "a", 0, "", "run-4", ""},
		"changed, fail in between": {
			[]Entry{ran(6, lab.Pass, "a"), on(ran(4, lab.Fail, "a"), definition("web=0")), on(ran(2, lab.Pass, "a"), definition("web=0"))},
			"a", 0, ChangedLab, "run-2", "",
		},
		"changed, its failure lifted elsewhere": {
			[]Entry{on(ran(8, lab.Fail, "a", "b"), definition("web=1")), on(ran(6, lab.Pass, "a", "b"), definition("web=0")), ran(4, lab.Pass, "a"), ran(2, lab.Pass, "b")},
			"a b", 0, DidFail, "run-8", "",
		},
		"changed, its failure lifted there": {
			[]Entry{on(ran(8, lab.Fail, "a", "b"), definition("web=0")), on(ran(6, lab.Pass, "a", "b"), definition("web=0")), ran(4, lab.Pass, "a"), ran(2, lab.Pass, "b")},
			"a b", 0, "", "run-4", "",
		},
		"rejected and failed": {[]Entry{reject(4, "a"), ran(2, lab.Fail, "a")}, "a", 0, Rejected, "joe", ""},
		"no definition":       {[]Entry{on(ran(2, lab.Pass, "a"), nil)}, "a", 0, ChangedLab, "does not say", ""},
		"empty definition":    {[]Entry{on(ran(2, lab.Pass, "a"), definition())}, "a", 0, ChangedLab, "does not say", ""},

		"one of two":           {[]Entry{ran(2, lab.Pass, "a", "b")}, "a", 0, NotAlone, "but only together with files that were not given: pool/b.deb (SHA-256 " + sumText("b") + ")", ""},
		"both":                 {[]Entry{ran(2, lab.Pass, "a", "b")}, "a b", 0, "", "run-2", ""},
		"both and another":     {[]Entry{ran(2, lab.Pass, "a", "b")}, "a b c", 0, "", "run-2", ""},
		"in two patches":       {[]Entry{ran(4, lab.Pass, "a"), ran(2, lab.Pass, "a", "b")}, "a", 0, "", "run-4", ""},
		"one failing of two":   {[]Entry{ran(4, lab.Fail, "a", "b")}, "a", 0, DidFail, "run-4", ""},
		"beside is not needed": {[]Entry{ran(2, lab.Pass, "a", "~old")}, "a", 0, "", "", ""},
		"beside is not tested": {[]Entry{ran(2, lab.Pass, "a", "~old")}, "old", 0, NeverTested, "only lay beside patch", ""},
		"only beside":          {[]Entry{ran(2, lab.Pass, "~old")}, "old", 0, NeverTested, "", ""},

		"rejected in a batch, passes alone":           {[]Entry{reject(4, "a", "b"), ran(2, lab.Pass, "a")}, "a", 0, Rejected, "in a patch of pool/a.deb, pool/b.deb: breaks", ""},
		"rejected alone, passes in a batch":           {[]Entry{reject(4, "a"), ran(2, lab.Pass, "a", "b")}, "a b", 0, Rejected, "joe", ""},
		"rejected alone, its companion":               {[]Entry{reject(4, "a"), ran(2, lab.Pass, "a", "b")}, "b a", 0, "", "", ""},
		"rejected in a batch, then approved alone":    {[]Entry{reject(4, "a", "b"), approve(2, "a")}, "a", 0, "", "jane", ""},
		"rejected in a batch, each approved, at once": {[]Entry{reject(6, "a", "b"), approve(4, "a"), approve(2, "b")}, "a b", 0, Rejected, "", ""},
		"rejected alone, batch approved":              {[]Entry{reject(4, "a"), approve(2, "a", "b")}, "a b", 0, "", "jane", ""},
		"rejected alone, batch approved, given alone": {[]Entry{reject(4, "a"), approve(2, "a", "b")}, "a", 0, Rejected, "", ""},
		"batch approved, then rejected alone":         {[]Entry{approve(4, "a", "b"), reject(2, "a")}, "a b", 0, Rejected, "", ""},
		"batch rejected and approved, alone passes":   {[]Entry{reject(6, "a", "b"), approve(4, "a", "b"), ran(2, lab.Pass, "a")}, "a", 0, "", "run-2", ""},

		"failed together, each passed":            {[]Entry{ran(8, lab.Fail, "a", "b"), ran(4, lab.Pass, "a"), ran(2, lab.Pass, "b")}, "a b", 0, DidFail, "run-8, in a patch of pool/a.deb, pool/b.deb", ""},
		"failed together, goes alone":             {[]Entry{ran(8, lab.Fail, "a", "b"), ran(4, lab.Pass, "a")}, "a", 0, "", "run-4", "a.deb failed on lab \"dental\" (web) on 2026-11-23 03:00 UTC, run run-8, in a patch of"},
		"failed together, more pass":              {[]Entry{ran(8, lab.Fail, "a", "b"), ran(4, lab.Pass, "a", "b", "c")}, "a b c", 0, "", "run-4", ""},
		"failed together, more passed before":     {[]Entry{ran(8, lab.Pass, "a", "b", "c"), ran(4, lab.Fail, "a", "b")}, "a b c", 0, DidFail, "run-4", ""},
		"failed alone, passes with what it needs": {[]Entry{ran(8, lab.Fail, "a"), ran(4, lab.Pass, "a", "b")}, "a b", 0, "", "run-4", ""},
		"failed alone, then given alone":          {[]Entry{ran(8, lab.Fail, "a"), ran(4, lab.Pass, "a", "b")}, "a", 0, DidFail, "run-8", ""},
		"failed together, passed together later":  {[]Entry{ran(8, lab.Fail, "a", "b"), ran(6, lab.Pass, "a", "b"), ran(4, lab.Pass, "a")}, "a b", 0, "", "", ""},

		"weak":                         {[]Entry{but(ran(2, lab.Pass, "a"), func(e *Entry) { e.Run.Weak = []string{"no control arm"} })}, "a", 0, "", "", "the run was made with no control arm"},
		"ahead":                        {[]Entry{ran(-48, lab.Pass, "a")}, "a", 0, "", "", "which has not come: the clock of host nest"},
		"ahead of a limit":             {[]Entry{ran(-48, lab.Pass, "a")}, "a", time.Hour, Expired, "that time has not come, so the clock of host nest", ""},
		"approved ahead of its end":    {[]Entry{ending(approve(-48, "a"), ago(-72))}, "a", 0, Expired, "that time has not come", ""},
		"ahead of a limit, older pass": {[]Entry{ran(2, lab.Pass, "a"), ran(-48, lab.Pass, "a")}, "a", day, "", "run-2", ""},
		"a little ahead": {
			[]Entry{but(ran(0, lab.Pass, "a"), func(e *Entry) { e.Run.Started = noon.Add(clockSkew); e.Time = e.Run.Started })}, "a", time.Hour, "", "", "!clock",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(asked(c.maxAge), noon, told(c.entries...), sound)
			check(t, ask(b, strings.Fields(c.files)...), c)
		})
	}
}

func check(t *testing.T, got Answer, c judged) {
	t.Helper()
	notes := strings.Join(got.Notes, "\n")
	if got.Refusal != c.want || got.Allowed != (c.want == "") {
		t.Errorf("refused %q (allowed %v), want %q: %s", got.Refusal, got.Allowed, c.want, got.Reason)
	}
	if !strings.Contains(got.Reason, c.says) {
		t.Errorf("reason %q does not say %q", got.Reason, c.says)
	}
	absent, not := strings.CutPrefix(c.notes, "!")
	if strings.Contains(notes, absent) == not {
		t.Errorf("notes %q, want %q", notes, c.notes)
	}
	if got.Reason == "" || got.Reason != lab.Printable(got.Reason, 2000) {
		t.Errorf("reason is not printable, or too long: %q", got.Reason)
	}
}

// TestJudgeLedgers has entries of several ledgers, where no place tells which
// came first.
func TestJudgeLedgers(t *testing.T) {
	future := func(e Entry) Entry {
		return but(e, func(e *Entry) {
			e.Time = ago(-1000)
			if e.Run != nil {
				e.Run.Started = ago(-999)
			}
		})
	}
	for name, c := range map[string]judged{
		"passed elsewhere":              {[]Entry{of("other", ran(2, lab.Pass, "a"))}, "a", 0, "", "run-2", ""},
		"failed here, passed elsewhere": {[]Entry{ran(4, lab.Fail, "a"), of("other", ran(2, lab.Pass, "a"))}, "a", 0, "", "run-2", ""},
		"passed here, failed elsewhere": {[]Entry{ran(4, lab.Pass, "a"), of("other", ran(2, lab.Fail, "a"))}, "a", 0, DidFail, "run-2", ""},
		"rejected elsewhere":            {[]Entry{ran(2, lab.Pass, "a"), of("other", reject(4, "a"))}, "a", 0, Rejected, "", ""},
		"at the same time":              {[]Entry{reject(4, "a"), of("other", approve(4, "a"))}, "a", 0, Rejected, "", ""},
		"started at the same time, entered later": {
			[]Entry{ran(4, lab.Fail, "a"), but(ran(2, lab.Pass, "a"), func(e *Entry) { e.Run.Started = ago(5) })}, "a", 0, DidFail, "run-4", "",
		},
		"started first, entered last": {
			[]Entry{but(ran(2, lab.Pass, "a"), func(e *Entry) { e.Run.Started = ago(9) }), of("other", ran(4, lab.Fail, "a"))}, "a", 0, DidFail, "", "",
		},
		"a pass ahead does not outweigh another ledger's failure": {[]Entry{ran(4, lab.Fail, "a"), of("other", future(ran(1, lab.Pass, "a")))}, "a", 0, DidFail, "", ""},
		"an approval ahead neither":                               {[]Entry{reject(4, "a"), of("other", future(approve(1, "a")))}, "a", 0, Rejected, "", ""},
		"ahead, then failed, in one ledger":                       {[]Entry{future(ran(9, lab.Pass, "a")), ran(4, lab.Fail, "a")}, "a", 0, DidFail, "run-4", ""},
		"ahead, then rejected, in one ledger":                     {[]Entry{future(approve(9, "a")), reject(4, "a")}, "a", 0, Rejected, "", ""},
		"failed ahead, then approved, in one ledger":              {[]Entry{future(ran(9, lab.Fail, "a")), approve(4, "a")}, "a", 0, "", "jane", ""},
		"failed ahead, then passed, in one ledger":                {[]Entry{future(ran(9, lab.Fail, "a")), ran(4, lab.Pass, "a")}, "a", 0, DidFail, "run-9", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(asked(c.maxAge), noon, told(c.entries...), sound)
			check(t, ask(b, strings.Fields(c.files)...), c)
		})
	}
}

func TestJudgeOtherBytes(t *testing.T) {
	as := func(e Entry, pkg, version string) Entry {
		return but(e, func(e *Entry) {
			e.Patch.Files[0].Package, e.Patch.Files[0].Version, e.Patch.Files[0].Arch = pkg, version, "amd64"
		})
	}
	entries := told(
		as(ran(8, lab.Pass, "a"), "openssl", "3.0"),
		reject(6, "r"),
		ran(4, lab.Pass, "x", "~y"),
		approve(2, "a2"),
		but(at(3, Run, "i"), func(e *Entry) { e.Run = &RunEntry{ID: "run-i", Verdict: lab.Inconclusive} }),
	)
	b := newBench(asked(0), noon, entries, sound)
	for name, c := range map[string]struct {
		file lab.FileRecord
		want Refusal
		says string
	}{
		"same name": {
			lab.FileRecord{Name: "a.deb"},
			OtherBytes,
			"a.deb has other bytes: its SHA-256 is NEW, but that of a.deb (openssl 3.0 amd64) was " + sumText("a") +
				`, which passed on lab "dental" (web) on 2026-11-23 03:00 UTC, run run-8`,
		},
		"same package":       {lab.FileRecord{Name: "z.deb", Package: "openssl", Version: "3.0", Arch: "amd64"}, OtherBytes, "run-8"},
		"other version":      {lab.FileRecord{Name: "z.deb", Package: "openssl", Version: "3.1", Arch: "amd64"}, NeverTested, "never"},
		"other architecture": {lab.FileRecord{Name: "z.deb", Package: "openssl", Version: "3.0", Arch: "i386"}, NeverTested, "never"},
		"no package":         {lab.FileRecord{Name: "z.deb"}, NeverTested, "never"},
		"only rejected":      {lab.FileRecord{Name: "r.deb"}, OtherBytes, "which was rejected by joe"},
		"only beside":        {lab.FileRecord{Name: "y.deb"}, NeverTested, "never"},
		"inconclusive":       {lab.FileRecord{Name: "i.deb"}, OtherBytes, "run-i"},
	} {
		t.Run(name, func(t *testing.T) {
			c.file.SHA256 = "NEW"
			got := b.answer(given{Path: c.file.Name, FileRecord: c.file}, hashes{"NEW": true})
			check(t, got, judged{want: c.want, says: c.says})
		})
	}
}

// TestJudgeEvidence has run records that are gone, or not as they were.
func TestJudgeEvidence(t *testing.T) {
	looks := 0
	broken := func(e *Entry) error {
		looks++
		switch e.Run.ID {
		case "run-8":
			return nil
		case "run-6", "run-5":
			return fmt.Errorf("it is gone: %w", fs.ErrNotExist)
		}
		return fmt.Errorf("file run.json is %w", ErrTampered)
	}
	prune := at(1, Prune)
	prune.Patch, prune.Pruned = nil, []string{"run-4", "run-6"}
	theirs := of("theirs", prune)
	for name, c := range map[string]judged{
		"altered":                  {[]Entry{ran(4, lab.Pass, "a")}, "a", 0, BrokenEvidence, "run-4, but its record is not as it was written: file run.json is altered", ""},
		"older pass is no excuse":  {[]Entry{ran(8, lab.Pass, "a"), ran(4, lab.Pass, "a")}, "a", 0, BrokenEvidence, "run-4", ""},
		"removed by retention":     {[]Entry{ran(6, lab.Pass, "a"), prune}, "a", 0, "", "run-6", "no longer kept: removed on 2026-11-23 11:00 UTC"},
		"another host removed its": {[]Entry{ran(6, lab.Pass, "a"), theirs}, "a", 0, BrokenEvidence, "it is gone", ""},
		"removed here, of theirs":  {[]Entry{of("theirs", ran(6, lab.Pass, "a")), prune}, "a", 0, "", "run-6", "no longer kept"},
		"removed there, of theirs": {[]Entry{of("theirs", ran(6, lab.Pass, "a")), theirs}, "a", 0, "", "run-6", "no longer kept"},
		"removed by somebody":      {[]Entry{ran(5, lab.Pass, "a"), prune}, "a", 0, BrokenEvidence, "it is gone", ""},
		"removed, they say":        {[]Entry{ran(4, lab.Pass, "a"), prune}, "a", 0, BrokenEvidence, "run-4", "!kept"},
		"an approval has none":     {[]Entry{approve(4, "a")}, "a", 0, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(asked(0), noon, told(c.entries...), broken)
			b.own = "own"
			check(t, ask(b, strings.Fields(c.files)...), c)
		})
	}
	looks = 0
	b := newBench(asked(0), noon, told(ran(4, lab.Pass, "a", "b")), broken)
	ask(b, "a", "b")
	ask(b, "b", "a")
	if looks != 1 {
		t.Errorf("the record was looked at %d times, want once", looks)
	}
}

// TestJudgeKnowsNoLab is asked without a present definition, as by a mistake.
func TestJudgeKnowsNoLab(t *testing.T) {
	q := Question{Lab: "dental"}
	for _, f := range []*lab.Fingerprint{nil, definition(), definition("web=1"), {Parts: map[string]string{`patch "x"`: "1"}}} {
		for _, e := range []Entry{on(ran(2, lab.Pass, "a"), f), on(approve(2, "a"), f)} {
			check(t, ask(newBench(q, noon, told(e), sound), "a"), judged{want: ChangedLab})
		}
	}
}

// TestJudgeHostile has entries as somebody else may have written them.
func TestJudgeHostile(t *testing.T) {
	evil := "\x1b]0;x\x07\u202e<script>\nrm\xff" + strings.Repeat("A", 1<<20)
	e := ran(4, lab.Fail, "a")
	e.Run.Reason, e.Run.ID, e.Run.Targets, e.Run.Weak = evil, evil, []string{evil, evil}, []string{evil}
	e.Patch.Name, e.Patch.Files[0].Name, e.Host = evil, evil, evil
	pass := but(ran(2, lab.Pass, "a", "b"), func(e *Entry) { e.Patch.Files[1].Name = evil })
	pass.Definition = definition("web=1", evil+"=1")
	for _, entries := range [][]Entry{
		{e},
		{pass},
		{but(reject(1, "a"), func(e *Entry) { e.Decision = &Decision{By: evil, Reason: evil} })},
		{but(approve(1, "a"), func(e *Entry) { e.Decision = &Decision{By: evil, Reason: evil} })},
		{{}, {Kind: Run, Lab: "dental"}, {Kind: Approve, Lab: "dental", Patch: patchOf("a")}, {Kind: "new", Lab: "dental", Patch: patchOf("a")}},
	} {
		got := ask(newBench(asked(0), noon, told(entries...), sound), "a", "c")
		if got.Reason != lab.Printable(got.Reason, 4000) || got.Allowed && entries[0].Kind != Approve {
			t.Errorf("%.300q", got.Reason)
		}
		for _, note := range got.Notes {
			if note != lab.Printable(note, 1000) {
				t.Errorf("note %.300q", note)
			}
		}
	}
}

// TestRefusalOrder has every refusal in its place.
func TestRefusalOrder(t *testing.T) {
	all := []Refusal{NeverTested, OtherBytes, NotAlone, DidFail, NotConclusive, Rejected, Expired, ChangedLab, BrokenEvidence}
	if len(order()) != len(all) {
		t.Fatal(order())
	}
	for _, r := range all {
		if !slices.Contains(order(), r) {
			t.Errorf("%q has no place", r)
		}
	}
}
