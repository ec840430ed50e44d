package hcl

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
)

// nearest returns the known name that was most likely meant by given, or ""
// when none is near. The first of equally near names wins, so that the answer
// is stable: known must be in a stable order.
func nearest(given string, known []string) string {
	best, distance := "", max(1, len(given)/3)+1
	for _, k := range known {
		if strings.EqualFold(k, given) {
			return k
		}
		n := levenshtein.Distance(strings.ToLower(given), strings.ToLower(k), nil)
		if n > 1 && sameLetters(given, k) {
			n = 1 // swapped: one slip, though it counts two
		}
		if n < distance && n < len(k) {
			best, distance = k, n
		}
	}
	return best
}

// sameLetters reports whether a and b have the same letters in another order.
func sameLetters(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// suggest returns ` Did you mean "…"?` with the nearest known name, or "".
func suggest(given string, known []string) string {
	if name := nearest(given, known); name != "" {
		return didYouMean(name)
	}
	return ""
}

func didYouMean(name string) string { return fmt.Sprintf(" Did you mean %q?", name) }

// listed writes names for a sentence: `"a", "b" or "c"`. A long list is cut.
func listed(names []string, last string) string {
	const most = 12
	names = slices.Clone(names)
	for i, n := range names {
		names[i] = fmt.Sprintf("%q", n)
	}
	switch {
	case len(names) == 0:
		return "none"
	case len(names) == 1:
		return names[0]
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}

// isPrintable reports whether r can be shown on a terminal as it is.
func isPrintable(r rune) bool { return unicode.IsPrint(r) }

// upperFirst begins a sentence.
func upperFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// article puts "a" or "an" before a block's type, as it is spoken.
func article(what string) string {
	spelled := []string{"http", "smtp", "ldap", "smb", "sql", "ssh"} // letter by letter
	if slices.Contains(spelled, what) || strings.ContainsRune("aeio", rune(what[0])) {
		return "an " + what
	}
	return "a " + what
}
