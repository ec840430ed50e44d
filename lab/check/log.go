package check

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	// maxKnown is how many different messages are remembered.
	maxKnown = 500
	// maxKnownBytes is how much of each.
	maxKnownBytes = 300
)

// logCheck looks for errors in a machine's log. The baseline passes whatever
// there is and remembers it; later a message fails that the baseline did not
// have. It reads the whole log, not that of the last start alone, so that what
// a machine says at each start is known from the ready state's own.
//
// What could not all be remembered cannot be compared: more than maxKnown
// different messages fail in the baseline already.
func logCheck(ctx context.Context, s *lab.LogCheck, at place) finding {
	ignored, err := compileAll(s.Ignore)
	if err != nil {
		return finding{err: err}
	}
	linux, windows := journalScript(s), eventScript(s)
	if at.os == lab.Linux && linux == "" || at.os == lab.Windows && windows == "" {
		return finding{faults: []string{"unknown priority " + quoted(s.Priority)}}
	}
	got, f := at.ask(ctx, scripts{lab.Linux: linux, lab.Windows: windows})
	f.evidence = at.redact(f.evidence)
	if !f.passed() {
		return f
	}
	if why := got.logUnread(s.Unit); why != "" {
		f.fault("%s", why)
		return f
	}
	found := map[string]string{} // messages as they were, by what does not change of them
	for _, line := range got.lines("messages") {
		line = at.redact(line)
		if !slices.ContainsFunc(ignored, func(re *regexp.Regexp) bool { return re.MatchString(line) }) {
			found[steady(line)] = line
		}
	}
	f.judgeLog(found, at.Before)
	if got.has("volatile") {
		f.seen += " (the log is lost at each start)"
	}
	return f
}

func compileAll(exprs []string) (all []*regexp.Regexp, err error) {
	for _, e := range exprs {
		re, err := regexp.Compile(e)
		if err != nil {
			return nil, err
		}
		all = append(all, re)
	}
	return all, nil
}

// judgeLog compares the messages with those of the baseline.
func (f *finding) judgeLog(found map[string]string, before *lab.CheckResult) {
	for m := range found {
		f.known = append(f.known, m)
	}
	slices.Sort(f.known)
	if len(f.known) > maxKnown {
		f.fault("%d different messages, more than %d cannot be remembered: narrow the check by unit, priority or ignore", len(f.known), maxKnown)
		f.known = f.known[:maxKnown]
		return
	}
	if before == nil {
		f.seen = fmt.Sprintf("%d different messages, remembered", len(found))
		return
	}
	if !before.Passed {
		f.fault("the baseline could not read its messages, so that none can be called new")
		return
	}
	var fresh []string
	for _, m := range f.known {
		if _, known := slices.BinarySearch(before.Known, m); !known {
			fresh = append(fresh, found[m])
		}
	}
	if len(fresh) > 0 {
		f.evidence = strings.Join(fresh, "\n") + "\n"
		f.fault("%d new %s, want none: %s", len(fresh), wantWord(len(fresh) == 1, "message", "messages"), strings.Join(fresh, "; "))
		return
	}
	f.seen = fmt.Sprintf("no new message among %d", len(found))
}

var (
	// unsteady are addresses and times with colons, and words of hex digits.
	unsteady = regexp.MustCompile(`[0-9a-fA-F]*(?::[0-9a-fA-F]*){2,}|\b0[xX][0-9a-fA-F]+\b|\b[0-9a-fA-F]*[0-9][0-9a-fA-F]*\b|\b[0-9a-fA-F]{8,}\b`)
	digits   = regexp.MustCompile(`[0-9]+`)
	joined   = regexp.MustCompile(`#(?:[-.:,/_+]?#)+`)
)

// steady is what a message has in common with the next one of its kind:
// numbers, addresses and times become "#". It is printable.
func steady(message string) string {
	s := unsteady.ReplaceAllString(lab.Printable(message, 0), "#")
	return lab.Printable(joined.ReplaceAllString(digits.ReplaceAllString(s, "#"), "#"), maxKnownBytes)
}
