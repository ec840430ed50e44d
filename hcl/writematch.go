package hcl

import (
	"strconv"

	"github.com/patchlab/patchlab/lab"
)

// What is asserted of texts and numbers.

func (w *blockWriter) match(name string, m lab.Match) {
	if !m.IsZero() {
		w.attr(name, w.matchOf(m))
	}
}

// matchOf writes what text is asserted, in short where that is possible.
func (w *blockWriter) matchOf(m lab.Match) string {
	if m == (lab.Match{Contains: m.Contains}) {
		return w.quote(m.Contains)
	}
	var pairs [][2]string
	for i, text := range []string{m.Contains, m.NotContains, m.Equals, m.Regexp} { // as matchWords
		if text != "" {
			pairs = append(pairs, [2]string{matchWords()[i], w.quote(text)})
		}
	}
	return object(pairs...)
}

func (w *blockWriter) matches(name string, all map[string]lab.Match) {
	var pairs [][2]string
	for _, key := range sortedKeys(all) {
		pairs = append(pairs, [2]string{w.quote(key), w.matchOf(all[key])})
	}
	if pairs != nil {
		w.attr(name, object(pairs...))
	}
}

func (w *blockWriter) strs(name string, all map[string]string) {
	var pairs [][2]string
	for _, key := range sortedKeys(all) {
		pairs = append(pairs, [2]string{w.quote(key), w.quote(all[key])})
	}
	if pairs != nil {
		w.attr(name, object(pairs...))
	}
}

// rangeOf writes what a number must be, unless that is def.
func (w *blockWriter) rangeOf(name string, r, def lab.Range) {
	if r.IsZero() || sameNumber(r.Min, def.Min) && sameNumber(r.Max, def.Max) {
		return
	}
	if r.Min != nil && sameNumber(r.Min, r.Max) {
		w.attr(name, number(*r.Min))
		return
	}
	w.limits(name, r)
}

// limits writes the least and the greatest value that a number can have.
func (w *blockWriter) limits(name string, r lab.Range) {
	var pairs [][2]string
	for i, n := range []*float64{r.Min, r.Max} { // as rangeWords
		if n != nil {
			pairs = append(pairs, [2]string{rangeWords()[i], number(*n)})
		}
	}
	if pairs != nil {
		w.attr(name, object(pairs...))
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func sameNumber(a, b *float64) bool {
	return a == b || a != nil && b != nil && *a == *b
}
