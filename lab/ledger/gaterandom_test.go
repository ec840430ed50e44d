package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// randomStory is a ledger of a few entries about three files.
func randomStory(r *rand.Rand) []Entry {
	var list []Entry
	n := 1 + r.IntN(9)
	for i := range n {
		var files []string
		for _, f := range []string{"a", "b", "c"} {
			if r.IntN(2) == 0 {
				files = append(files, f)
			}
		}
		hours := float64(10 * (n - i))
		var e Entry
		switch r.IntN(8) {
		case 0, 1, 2:
			e = ran(hours, lab.Pass, files...)
		case 3, 4:
			e = ran(hours, lab.Fail, files...)
		case 5:
			e = reject(hours, files...)
		case 6:
			e = approve(hours, files...)
		default:
			e = ending(approve(hours, files...), ago(float64(r.IntN(60)-20)))
		}
		if r.IntN(5) == 0 {
			e.Definition = definition("web=0")
		}
		vary(r, &e)
		list = append(list, e)
	}
	return list
}

// vary makes one of many tests of e, of which about half are alike.
func vary(r *rand.Rand, e *Entry) {
	e.Definition.Parts[`machine "db"`] = "1"
	e.Patch.Name = "a.deb"
	if r.IntN(3) == 0 {
		e.Patch.Name = "strict"
	}
	if r.IntN(2) == 0 {
		e.Definition.Parts[partOf(e.Patch.Name)] = []string{"1", "1", "2"}[r.IntN(3)]
	}
	if e.Kind != Run || r.IntN(2) == 0 {
		return
	}
	e.Run.Targets = [][]string{nil, {"web"}, {"db"}, {"web", "db"}, {"db", "web", "gone"}}[r.IntN(5)]
	e.Run.Weak = [][]string{nil, {WithoutControl}, {WithoutReboot}, {WithoutControl, WithoutReboot}}[r.IntN(4)]
	e.Run.Trial = r.IntN(6) == 0
}

// present is the lab that the stories are told of: patch strict is in it, and
// machine gone no longer.
func present(maxAge time.Duration) Question {
	q := asked(maxAge)
	q.Now.Parts[partOf("strict")], q.Now.Parts[`machine "db"`] = "1", "1"
	return q
}

func filesIn(e *Entry) hashes {
	out := hashes{}
	for sum := range goingOut(e.Patch) {
		out[sum] = true
	}
	return out
}

// makesUpFor reports whether e, later and of all files that failed in x, is as
// much as x was; written down once more.
func makesUpFor(e, x *Entry) bool {
	if e.Seq <= x.Seq || e.Kind == Approve {
		return e.Seq > x.Seq
	}
	part := func(e *Entry) string { return e.Definition.Parts[partOf(e.Patch.Name)] }
	same := e.Patch.Name == x.Patch.Name && part(e) != "" && part(e) == part(x)
	for _, m := range []string{"web", "db"} {
		if slices.Contains(x.Run.Targets, m) && !slices.Contains(e.Run.Targets, m) {
			return false
		}
	}
	less := func(what string) bool { return slices.Contains(e.Run.Weak, what) && !slices.Contains(x.Run.Weak, what) }
	return passed(e) && !e.Run.Trial && len(x.Run.Targets) > 0 && (x.Patch.Name != "strict" || e.Patch.Name == "strict") &&
		!less(WithoutControl) && (same || !less(WithoutReboot))
}

// whyNot says which plain rule a yes for file, given together, breaks; written
// down once more, without regard to how the gate goes about it.
func whyNot(entries []Entry, file string, together hashes, maxAge time.Duration) string {
	valid := func(e *Entry) bool {
		if part, ok := e.Definition.Parts[partOf("strict")]; ok && part != "1" || e.Definition.Parts[`machine "web"`] != "1" || !favours(e) {
			return false
		}
		if e.Kind == Approve && !e.Decision.Until.IsZero() {
			return !noon.After(e.Decision.Until)
		}
		return maxAge == 0 || noon.Sub(timeOf(e)) <= maxAge
	}
	some := func(match func(e *Entry) bool) bool {
		return slices.ContainsFunc(entries, func(e Entry) bool { return match(&e) })
	}
	like := func(e, x *Entry) bool { return keyOf(goingOut(x.Patch)) == keyOf(goingOut(e.Patch)) }
	if !some(func(e *Entry) bool {
		own := filesIn(e)
		return own[file] && together.holds(own) && valid(e) &&
			!some(func(x *Entry) bool {
				return failed(x) && like(e, x) && !some(func(o *Entry) bool { return like(o, x) && valid(o) && makesUpFor(o, x) })
			})
	}) {
		return "nothing is for it"
	}
	for i := range entries {
		x := &entries[i]
		all := filesIn(x)
		if !all[file] {
			continue
		}
		lifted := some(func(e *Entry) bool {
			ended := e.Kind == Approve && !e.Decision.Until.IsZero() && noon.After(e.Decision.Until)
			return e.Kind == Approve && e.Seq > x.Seq && filesIn(e)[file] && !ended
		})
		if x.Kind == Reject && !lifted {
			return fmt.Sprintf("entry %d rejects it", x.Seq)
		}
		outweighed := failed(x) && some(func(e *Entry) bool { return favours(e) && filesIn(e).holds(all) && makesUpFor(e, x) })
		if failed(x) && together.holds(all) && !outweighed {
			return fmt.Sprintf("what failed in entry %d goes out", x.Seq)
		}
	}
	return ""
}

func TestGateNeverSaysYesWrongly(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	yes := 0
	for range 8000 {
		story := told(randomStory(r)...)
		var names []string
		together := hashes{}
		for _, f := range []string{"a", "b", "c"} {
			if r.IntN(3) > 0 {
				names, together[sumText(f)] = append(names, f), true
			}
		}
		maxAge := time.Duration(r.IntN(3)) * 30 * time.Hour
		for i := range names {
			names[0], names[i] = names[i], names[0]
			got := ask(newBench(present(maxAge), noon, story, sound), names...)
			if !got.Allowed {
				continue
			}
			yes++
			if why := whyNot(story, sumText(names[0]), together, maxAge); why != "" {
				t.Fatalf("%s goes out with %v: %s\n%s\n%s", names[0], names, got.Reason, why, shown(story))
			}
			last := func(e Entry) []Entry { return told(append(slices.Clone(chronicle(story)), e)...) }
			for what, e := range map[string]Entry{
				"a failure of all given": ran(1, lab.Fail, names...), "a rejection": reject(1, names[0]), "a rejection of all given": reject(1, names...),
			} {
				if again := ask(newBench(present(maxAge), noon, last(e), sound), names...); again.Allowed {
					t.Fatalf("%s changes nothing: %s\n%s", what, again.Reason, shown(last(e)))
				}
			}
		}
	}
	if yes < 1000 {
		t.Errorf("only %d times yes: the stories show little", yes)
	}
}

// TestApprovedIsWhatTheGateSays compares the two on the same stories.
func TestApprovedIsWhatTheGateSays(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	patches, together := 0, 0
	for range 4000 {
		story := told(randomStory(r)...)
		b := newBench(present(0), noon, story, sound)
		list := b.approved()
		all := hashes{}
		seen := map[string]bool{}
		for i := range list {
			key := keyOf(goingOut(list[i].Patch))
			if seen[key] || !favours(&list[i]) {
				t.Fatalf("entry %d should not be in the list:\n%s", list[i].Seq, shown(story))
			}
			seen[key] = true
			for sum := range filesIn(&list[i]) {
				all[sum] = true
			}
		}
		patches += len(list)
		together += len(all)
		for i := range list {
			for _, f := range list[i].Patch.Files {
				if o := b.judge(f, filesIn(&list[i])); o.refusal != "" {
					t.Fatalf("%s, alone: %s\n%s", f.Name, o.reason, shown(story))
				}
				if o := b.judge(f, all); o.refusal != "" {
					t.Fatalf("%s, together: %s\n%s", f.Name, o.reason, shown(story))
				}
			}
		}
	}
	if patches < 1000 || together < 1000 {
		t.Errorf("only %d patches were approved", patches)
	}
}

// chronicle is story in the order it was entered.
func chronicle(story []Entry) []Entry {
	out := slices.Clone(story)
	slices.SortFunc(out, func(a, b Entry) int { return a.Seq - b.Seq })
	return out
}

func shown(story []Entry) (text string) {
	for _, e := range chronicle(story) {
		verdict := ""
		if e.Run != nil {
			verdict = string(e.Run.Verdict)
		}
		text += fmt.Sprintf("%d %s %s %s of %d files, %v", e.Seq, e.Kind, verdict, e.Patch.Name, len(e.Patch.Files), e.Definition.Parts)
		if e.Run != nil {
			text += fmt.Sprintf(", on %v, without %v, trial %v", e.Run.Targets, e.Run.Weak, e.Run.Trial)
		}
		text += "\n"
	}
	return text
}
