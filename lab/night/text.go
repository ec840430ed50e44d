package night

import (
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// result says in a word or two what came of a job.
type result string

// Results, what is told first first.
const (
	failed       result = "failed"
	inconclusive result = "inconclusive"
	noVerdict    result = "no verdict" // it was begun, and came to nothing
	broken       result = "broken"
	busy         result = "busy"
	interrupted  result = "interrupted"
	notStarted   result = "not started"
	passed       result = "passed"
	skipped      result = "skipped"
)

func (o *Outcome) result() result {
	switch {
	case o.Code == codeOK && o.Skipped == "":
		return passed
	case o.Code == codeOK:
		return skipped
	case o.Code == codeFail:
		return failed
	case o.Code == codeBroken:
		return broken
	case o.Code == codeBusy:
		return busy
	case o.Code == codeInterrupted:
		return interrupted
	case o.Verdict != "":
		return inconclusive
	case o.Started.IsZero():
		return notStarted
	}
	return noVerdict
}

// Quiet reports whether there is nothing to tell: every job passed or was
// skipped without fault.
func (s *Summary) Quiet() bool {
	return !slices.ContainsFunc(s.Outcomes, func(o Outcome) bool { return o.Code != codeOK })
}

// Text is the summary for people: first what is wrong, a paragraph each, then
// what was not done and why, then one line about the rest, then how long it
// took. It is printable, whatever the guests said.
func (s *Summary) Text() string {
	var b strings.Builder
	if s.Resumed {
		fmt.Fprintf(&b, "The pass that began at %s was cut off, and gone on with at %s.\n\n",
			clock(s.Since, s.Started), clock(s.Started, s.Started))
	}
	for _, r := range []result{failed, inconclusive, noVerdict, broken, busy, interrupted, notStarted} {
		for i := range s.Outcomes {
			if o := &s.Outcomes[i]; o.result() == r {
				o.paragraph(&b)
			}
		}
	}
	s.rest(&b)
	fmt.Fprintf(&b, "%s in all, in %s.\n", count(len(s.Outcomes), "job"), span(seconds(s.Seconds)))
	return b.String()
}

// paragraph writes what is wrong with one job.
func (o *Outcome) paragraph(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %s\n", o.name(), o.said())
	if o.Skipped != "" {
		fmt.Fprintf(b, "  %s\n", printable(o.Skipped))
	}
	switch {
	case o.Before != "":
		fmt.Fprintf(b, "  %s the time before\n", verb(o.Before))
	case o.Verdict != "":
		fmt.Fprint(b, "  tested for the first time\n")
	}
	switch {
	case o.Dir != "":
		fmt.Fprintf(b, "  record: %s\n", path(o.Dir))
	case o.Run != "":
		fmt.Fprintf(b, "  run: %s\n", printable(o.Run))
	}
	if o.Log != "" {
		fmt.Fprintf(b, "  log: %s\n", path(o.Log))
	}
	b.WriteByte('\n')
}

// said is the result with its reason.
func (o *Outcome) said() string {
	r, why := o.result(), o.Reason
	switch r {
	case passed:
		return string(r)
	case skipped:
		why = o.Skipped
	}
	if why == "" {
		return string(r)
	}
	return string(r) + ": " + printable(why)
}

// maxNames is how many jobs the line about the rest names of each kind.
const maxNames = 20

// rest writes the line about what is well.
func (s *Summary) rest(b *strings.Builder) {
	var parts []string
	for _, r := range []result{passed, skipped} {
		var names []string
		n := 0
		for i := range s.Outcomes {
			o := &s.Outcomes[i]
			if o.result() != r {
				continue
			}
			if n++; n > maxNames {
				continue
			}
			name := o.short()
			switch {
			case r == skipped:
				name += " (" + printable(o.Skipped) + ")"
			case o.Before == lab.Fail:
				name += " (failed the time before)"
			}
			names = append(names, name)
		}
		if n > maxNames {
			names = append(names, fmt.Sprintf("and %d more", n-maxNames))
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s: %s", n, r, strings.Join(names, ", ")))
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "%s.\n", strings.Join(parts, "; "))
	}
}
