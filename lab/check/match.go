package check

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Match reports whether every assertion of m holds for text, and which does
// not: `does not contain "free slots"`. Why may hold parts of text.
func Match(m lab.Match, text []byte) (ok bool, why string) {
	return match(m, text, false)
}

// match is Match for a text of which only the first part is known when cut is
// true: what cannot be said of the whole then does not hold.
func match(m lab.Match, text []byte, cut bool) (ok bool, why string) {
	switch {
	case m.Contains != "" && !bytes.Contains(text, []byte(m.Contains)):
		return false, "does not contain " + quoted(m.Contains)
	case m.NotContains != "" && bytes.Contains(text, []byte(m.NotContains)):
		return false, "contains " + quoted(m.NotContains)
	case m.NotContains != "" && cut:
		return false, fmt.Sprintf("is known only in its first %d bytes, so that it cannot be said not to contain %s", len(text), quoted(m.NotContains))
	case m.Equals != "" && cut:
		return false, fmt.Sprintf("is known only in its first %d bytes, want exactly %s", len(text), quoted(m.Equals))
	case m.Equals != "" && !bytes.Equal(bytes.TrimSpace(text), bytes.TrimSpace([]byte(m.Equals))):
		return false, fmt.Sprintf("is %s, want %s", quoted(string(bytes.TrimSpace(text))), quoted(m.Equals))
	case m.Regexp != "":
		return matchRegexp(m.Regexp, text)
	}
	return true, ""
}

// matchRegexp fails for an invalid expression, which a valid definition does
// not have.
func matchRegexp(expr string, text []byte) (ok bool, why string) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return false, fmt.Sprintf("cannot be matched: %v", err)
	}
	if !re.Match(text) {
		return false, "does not match " + quoted(expr)
	}
	return true, ""
}

// describe says what m asserted, for the message of a pass.
func describe(m lab.Match) string {
	switch {
	case m.Contains != "":
		return "contains " + quoted(m.Contains)
	case m.Equals != "":
		return "is " + quoted(m.Equals)
	case m.Regexp != "":
		return "matches " + quoted(m.Regexp)
	}
	return "does not contain " + quoted(m.NotContains)
}

// quoted is s in quotes, short.
func quoted(s string) string { return strconv.Quote(lab.Printable(s, 100)) }

// expect adds to f what m finds wrong with a part of the answer.
func (f *finding) expect(what string, m lab.Match, text []byte, cut bool) {
	if m.IsZero() {
		return
	}
	if ok, why := match(m, text, cut); !ok {
		f.faults = append(f.faults, what+" "+why)
		return
	}
	f.seen += ", " + what + " " + describe(m)
}

// expectNumber adds to f what is wrong with a number: "3 processes, want at
// least 5". What names the number, "free space", and may be empty; unit
// follows it.
func (f *finding) expectNumber(what string, r lab.Range, got float64, unit string) {
	if r.IsZero() {
		return
	}
	short := number(got)
	if near, err := strconv.ParseFloat(short, 64); err == nil && inRange(r, near) != inRange(r, got) {
		short = strconv.FormatFloat(got, 'f', -1, 64) // rounding would hide why
	}
	text := strings.TrimSpace(what + " " + short + " " + unit)
	if !inRange(r, got) {
		f.faults = append(f.faults, text+", want "+rangeText(r))
		return
	}
	f.seen += ", " + text
}

// inRange reports whether got is within r. What is no number is not.
func inRange(r lab.Range, got float64) bool {
	return !math.IsNaN(got) && (r.Min == nil || got >= *r.Min) && (r.Max == nil || got <= *r.Max)
}

func rangeText(r lab.Range) string {
	switch {
	case r.Min == nil && r.Max == nil:
		return "any"
	case r.Max == nil:
		return "at least " + number(*r.Min)
	case r.Min == nil:
		return "at most " + number(*r.Max)
	case *r.Min == *r.Max:
		return "exactly " + number(*r.Min)
	}
	return number(*r.Min) + " to " + number(*r.Max)
}

// number is n with at most one digit after the point.
func number(n float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0")
}

// wantWord names b.
func wantWord(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
