package ledger

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Limits of what is quoted in a sentence, in bytes.
const (
	longName = 100
	longText = 300
	mostSaid = 5 // things in a list
)

// tell says what e is: `passed on lab "dental" (web) on 2026-11-23 02:14 UTC,
// run 20261123-021400-ab12`.
func tell(e *Entry) string {
	where := fmt.Sprintf("on lab %q", lab.Printable(e.Lab, longName))
	if e.Kind != Run {
		text := fmt.Sprintf("%s by %s %s on %s", past(e), deciders(e), where, stamp(e.Time))
		if e.Kind == Approve && !e.Decision.Until.IsZero() {
			text += " until " + stamp(e.Decision.Until)
		}
		return text
	}
	if len(e.Run.Targets) > 0 {
		where += " (" + some(printables(e.Run.Targets)) + ")"
	}
	return fmt.Sprintf("%s %s on %s, run %s", past(e), where, stamp(timeOf(e)), lab.Printable(e.Run.ID, longName))
}

// past is what happened, as a word.
func past(e *Entry) string {
	switch {
	case e.Kind == Approve:
		return "approved"
	case e.Kind == Reject:
		return "rejected"
	case passed(e):
		return "passed"
	case failed(e):
		return "failed"
	}
	return "inconclusive"
}

func deciders(e *Entry) string {
	if e.Decision == nil || strings.TrimSpace(e.Decision.By) == "" {
		return "somebody"
	}
	return lab.Printable(e.Decision.By, longName)
}

// why is what the entry itself gives as its reason, after a colon.
func why(e *Entry) string {
	text := ""
	if e.Kind == Run {
		text = e.Run.Reason
	} else if e.Decision != nil {
		text = e.Decision.Reason
	}
	if text == "" {
		return ""
	}
	return ": " + lab.Printable(text, longText)
}

// objected is the refusal for what stands against s.
func (b *bench) objected(x objection, s *set) opinion {
	o := opinion{refusal: x.refusal(), on: x.Entry, reason: tell(x.Entry)}
	if x.of != s {
		o.reason += ", in a patch of " + some(x.of.named())
	}
	o.reason += why(x.Entry)
	return o
}

// named are the names of s's files.
func (s *set) named() []string {
	return slices.Sorted(slices.Values(printables(slices.Collect(maps.Values(s.names)))))
}

// undecided is the refusal for a set that nothing is for or against.
func (b *bench) undecided(s *set) opinion {
	for _, e := range s.entries {
		if e.Kind == Run {
			return opinion{refusal: NotConclusive, on: e, reason: tell(e) + why(e)}
		}
	}
	return opinion{refusal: NeverTested, reason: b.never("was never tested")}
}

func (b *bench) never(text string) string {
	return fmt.Sprintf("%s on lab %q", text, lab.Printable(b.q.Lab, longName))
}

// unknown is the refusal for a file whose bytes are in no patch of the lab.
func (b *bench) unknown(f lab.FileRecord) opinion {
	if o, ok := b.released(f, Run); ok {
		return o
	}
	if o, ok := b.released(f, Approve, Reject); ok {
		return o
	}
	for _, e := range b.entries {
		for _, other := range e.Patch.Files {
			if other.SHA256 == f.SHA256 {
				return opinion{refusal: NeverTested, reason: b.never(fmt.Sprintf(
					"only lay beside patch %q, as the way back, and was never tested itself", lab.Printable(e.Patch.Name, longName)))}
			}
		}
	}
	return opinion{refusal: NeverTested, reason: b.never("was never tested")}
}

// released looks for the newest entry of kinds about other bytes of the same
// package, or of the same name.
func (b *bench) released(f lab.FileRecord, kinds ...Kind) (opinion, bool) {
	for _, e := range b.entries {
		if !slices.Contains(kinds, e.Kind) {
			continue
		}
		for _, other := range e.Patch.Files {
			if other.Beside || other.SHA256 == f.SHA256 || !isSamePackage(f, other) {
				continue
			}
			what := tell(e)
			if !passed(e) && !failed(e) {
				what = "was " + what
			}
			return opinion{refusal: OtherBytes, on: e, reason: fmt.Sprintf(
				"%s has other bytes: its SHA-256 is %s, but that of %s was %s, which %s",
				lab.Printable(f.Name, longName), f.SHA256, withPackage(other), lab.Printable(other.SHA256, 64), what)}, true
		}
	}
	return opinion{}, false
}

// withPackage is a file with what package it says it is.
func withPackage(f lab.FileRecord) string {
	name := lab.Printable(filepath.Base(f.Name), longName)
	if f.Package == "" {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, lab.Printable(strings.Join([]string{f.Package, f.Version, f.Arch}, " "), longName))
}

// stamp is a time as sentences have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// inWords is a duration in days, or hours below two days.
func inWords(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*day:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	case d >= time.Hour:
		return fmt.Sprintf("%.1f hours", d.Hours())
	}
	return d.Round(time.Second).String()
}

func printables(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = lab.Printable(s, longName)
	}
	return out
}

// some is the beginning of list, with how many more there are.
func some(list []string) string {
	if len(list) <= mostSaid {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:mostSaid], ", "), len(list)-mostSaid)
}
