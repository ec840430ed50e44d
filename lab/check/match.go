package check

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"

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
