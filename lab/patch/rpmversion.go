package patch

import (
	"strings"
)

// compareRPM compares two versions "[epoch:]version[-release]" as rpm does:
// less than 0 when a is older than b. Without a release in one of them,
// releases don't count.
func compareRPM(a, b string) int {
	epochA, restA := cutEpoch(a)
	epochB, restB := cutEpoch(b)
	if c := compareSegments(epochA, epochB); c != 0 {
		return c
	}
	versionA, releaseA, withA := strings.Cut(restA, "-")
	versionB, releaseB, withB := strings.Cut(restB, "-")
	if c := compareSegments(versionA, versionB); c != 0 || !withA || !withB {
		return c
	}
	return compareSegments(releaseA, releaseB)
}

func cutEpoch(v string) (epoch, rest string) {
	if epoch, rest, ok := strings.Cut(v, ":"); ok {
		return epoch, rest
	}
	return "0", v
}

// compareSegments is rpm's rpmvercmp: versions are cut into runs of digits
// and of letters, all else separates. "~" sorts before everything, even the
// end; "^" after the end, but before anything else.
func compareSegments(a, b string) int {
	for a != "" || b != "" {
		a, b = strings.TrimLeftFunc(a, separates), strings.TrimLeftFunc(b, separates)
		if strings.HasPrefix(a, "~") || strings.HasPrefix(b, "~") {
			if !strings.HasPrefix(a, "~") {
				return 1
			}
			if !strings.HasPrefix(b, "~") {
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}
		if strings.HasPrefix(a, "^") || strings.HasPrefix(b, "^") {
			switch {
			case a == "":
				return -1
			case b == "":
				return 1
			case a[0] != '^':
				return 1
			case b[0] != '^':
				return -1
			}
			a, b = a[1:], b[1:]
			continue
		}
		if a == "" || b == "" {
			break
		}
		var c int
		if c, a, b = compareRun(a, b); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}

// compareRun compares the runs that a and b, which are not empty, begin with,
// and returns what follows. Digits are newer than letters.
func compareRun(a, b string) (c int, restA, restB string) {
	class := isLetter
	if isDigit(rune(a[0])) {
		class = isDigit
	}
	restA, restB = strings.TrimLeftFunc(a, class), strings.TrimLeftFunc(b, class)
	runA, runB := a[:len(a)-len(restA)], b[:len(b)-len(restB)]
	if runB == "" {
		if isDigit(rune(a[0])) {
			return 1, "", ""
		}
		return -1, "", ""
	}
	if isDigit(rune(a[0])) {
		runA, runB = strings.TrimLeft(runA, "0"), strings.TrimLeft(runB, "0")
		if len(runA) != len(runB) {
			return len(runA) - len(runB), "", ""
		}
	}
	return strings.Compare(runA, runB), restA, restB
}

func isDigit(r rune) bool  { return r >= '0' && r <= '9' }
func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
func separates(r rune) bool {
	return !isDigit(r) && !isLetter(r) && r != '~' && r != '^'
}
