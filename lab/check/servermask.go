package check

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxSaid is how much of what a server said is looked at for passwords: far
// more than is kept, in bytes.
const maxSaid = 64 << 10

// mask takes passwords out of everything that f says, also as logins encode
// them, and cuts it. One that could stand in any word is only taken out as a word of its
// own: the gaps would tell it.
func (f finding) mask(passwords ...string) finding {
	var all []string
	for _, p := range passwords {
		if p == "" {
			continue
		}
		for _, text := range []string{p, strings.Trim(strconv.Quote(p), `"`), base64.StdEncoding.EncodeToString([]byte(p))} {
			expr := regexp.QuoteMeta(text)
			if len(text) < 4 {
				expr = `\b` + expr + `\b`
			}
			all = append(all, expr)
		}
	}
	secret := regexp.MustCompile(strings.Join(all, "|"))
	masked := func(s string) string {
		s = s[:min(len(s), maxSaid)]
		if all == nil {
			return s
		}
		return secret.ReplaceAllLiteralString(s, "(sensitive)")
	}
	f.seen, f.evidence, f.faults = masked(f.seen), masked(f.evidence), slices.Clone(f.faults)
	for i := range f.faults {
		f.faults[i] = masked(f.faults[i])
	}
	if f.err != nil {
		f.err = &reworded{masked(f.err.Error()), f.err}
	}
	return f
}

// reworded is an error that says something else.
type reworded struct {
	text string
	err  error
}

func (e *reworded) Error() string { return e.text }
func (e *reworded) Unwrap() error { return e.err }
