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
		list = append(list, e)
	}
	return list
}

func filesIn(e *Entry) hashes {
	out := hashes{}
	for sum := range goingOut(e.Patch) {
		out[sum] = true
	}
	return out
}

// whyNot says which plain rule a yes for file, given together, breaks; written
// down once more, without regard to how the gate goes about it.
func whyNot(entries []Entry, file string, together hashes, maxAge time.Duration) string {
	valid := func(e *Entry) bool {
		if e.Kind == Approve && !e.Decision.Until.IsZero() {
			return !noon.After(e.Decision.Until)
		}
		return maxAge == 0 || noon.Sub(timeOf(e)) <= maxAge
	}
	some := func(match func(e *Entry) bool) bool {
		return slices.ContainsFunc(entries, func(e Entry) bool { return match(&e) })
	}
	if !some(func(e *Entry) bool {
		own := filesIn(e)
		return favours(e) && own[file] && together.holds(own) && valid(e) && e.Definition.Parts[`machine "web"`] == "1" &&
			!some(func(x *Entry) bool {
				return failed(x) && x.Seq > e.Seq && keyOf(goingOut(x.Patch)) == keyOf(goingOut(e.Patch))
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
		outweighed := some(func(e *Entry) bool { return favours(e) && e.Seq > x.Seq && filesIn(e).holds(all) })
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
			got := ask(newBench(asked(maxAge), noon, story, sound), names...)
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
				if again := ask(newBench(asked(maxAge), noon, last(e), sound), names...); again.Allowed {
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
		b := newBench(asked(0), noon, story, sound)
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
		text += fmt.Sprintf("%d %s %s %s, %v\n", e.Seq, e.Kind, verdict, e.Patch.Name, e.Definition.Parts)
	}
	return text
}
