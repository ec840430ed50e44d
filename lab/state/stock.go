package state

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// there is the value of a thing of which nothing else is known.
const there = "there"

// stock is a state in the making. What comes in is untrusted, what is kept is
// printable and without secrets.
type stock struct {
	redact func(string) string
	state  *lab.State
	bad    map[lab.StateKind]bool // a part of the kind could not be looked at
}

func newStock(redact func(string) string) *stock {
	if redact == nil {
		redact = func(s string) string { return s }
	}
	return &stock{
		redact: redact,
		state:  &lab.State{Items: map[lab.StateKind]map[string]string{}, Texts: map[string]string{}},
		bad:    map[lab.StateKind]bool{},
	}
}

// looked says that a kind was looked at, though it may have no items.
func (s *stock) looked(kinds ...lab.StateKind) {
	for _, k := range kinds {
		if s.state.Items[k] == nil && !s.bad[k] {
			s.state.Items[k] = map[string]string{}
		}
	}
}

// gap says what could not be looked at, why, and for which kinds that means
// that nothing is known.
func (s *stock) gap(what, why string, kinds ...lab.StateKind) {
	if why == "" {
		why = "it does not say why"
	}
	s.state.Gaps = append(s.state.Gaps, s.clean(what+": "+words(why), 500))
	for _, k := range kinds {
		s.bad[k] = true
		delete(s.state.Items, k)
	}
}

// add adds an item. Things of one name, such as two versions of a package,
// make one item with both values, whichever comes first.
func (s *stock) add(kind lab.StateKind, name, value string) {
	s.looked(kind)
	items := s.state.Items[kind]
	if items == nil {
		return
	}
	name, value = s.clean(name, maxName), s.clean(value, maxValue)
	if value == "" {
		value = there // empty would be: it is not
	}
	if was, known := items[name]; known && was != value {
		const and = " + "
		both := append(strings.Split(was, and), strings.Split(value, and)...)
		slices.Sort(both)
		value = lab.Printable(strings.Join(slices.Compact(both), and), maxValue)
	}
	items[name] = value
}

// set is add for a thing whose last value counts.
func (s *stock) set(kind lab.StateKind, name, value string) {
	if items := s.state.Items[kind]; items != nil {
		delete(items, s.clean(name, maxName))
	}
	s.add(kind, name, value)
}

// text keeps what is in a file or what a command printed, if it is text and
// short enough.
func (s *stock) text(kind lab.StateKind, name string, data []byte) {
	if len(data) > maxText || bytes.IndexByte(data, 0) >= 0 {
		return
	}
	key := string(kind) + ":" + s.clean(name, maxName)
	s.state.Texts[key] = lab.PrintableText(s.redact(string(data)), maxText)
}

func (s *stock) clean(text string, limit int) string {
	return lab.Printable(s.redact(strings.TrimSpace(text)), limit)
}

// count adds how often each message came, at most most messages: those that
// came last in the log.
func (s *stock) count(messages []string, most int) {
	s.looked(lab.StateError)
	counts := map[string]int{}
	left := 0
	for _, m := range slices.Backward(messages) {
		m = s.clean(m, 300)
		if _, known := counts[m]; !known && len(counts) == most {
			left++
			continue
		}
		counts[m]++
	}
	for m, n := range counts {
		s.set(lab.StateError, m, fmt.Sprint(n))
	}
	if left > 0 {
		s.gap("errors in the log", fmt.Sprintf("only the last %d messages that differ are looked at", most))
	}
}
