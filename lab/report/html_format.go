package report

import (
	"fmt"
	"math"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// fact is a line of a list of facts.
type fact struct {
	Name, Value string
	Hash        bool // Value is a hash, or a list of them
}

// badge is a word with a colour. The tone is one of the style's: "pass",
// "fail", "inconclusive", "note" or none. What is bad has a sign as well.
type badge struct{ Tone, Word string }

func verdictBadge(v lab.Verdict) badge {
	switch v {
	case lab.Pass:
		return badge{"pass", "✓ pass"}
	case lab.Fail:
		return badge{"fail", "✗ fail"}
	case lab.Inconclusive:
		return badge{"inconclusive", "? inconclusive"}
	}
	return badge{"", orNone(string(v), "no verdict")}
}

func classBadge(c lab.Class) badge {
	switch c {
	case lab.ClassOK, lab.ClassFixed:
		return badge{"pass", "✓ " + string(c)}
	case lab.ClassRegression:
		return badge{"fail", "✗ " + string(c)}
	case lab.ClassFlaky, lab.ClassRebootInduced, lab.ClassPreExisting, lab.ClassNotRun:
		return badge{"inconclusive", "! " + string(c)}
	}
	return badge{"", orNone(string(c), "no class")}
}

// orNone is s, or none in its place where it is empty.
func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// moment is t to the minute, with its offset; it does not depend on where the
// page is made.
func moment(t time.Time) string {
	if t.IsZero() {
		return "not recorded"
	}
	return t.Format("2006-01-02 15:04 ") + offset(t)
}

func offset(t time.Time) string {
	if _, seconds := t.Zone(); seconds == 0 {
		return "UTC"
	}
	return t.Format("-07:00")
}

// finite is seconds within what can be shown: 0 to a year.
func finite(seconds float64) float64 {
	if math.IsNaN(seconds) || seconds < 0 {
		return 0
	}
	return min(seconds, 366*24*3600)
}

// span is a duration in words: "0.4 s", "75 s", "4 min 10 s", "3 h 5 min".
func span(seconds float64) string {
	s := finite(seconds)
	switch whole := int(math.Round(s)); {
	case s < 9.95:
		return fmt.Sprintf("%.1f s", s)
	case whole < 120:
		return fmt.Sprintf("%d s", whole)
	case whole < 2*3600:
		return fmt.Sprintf("%d min %d s", whole/60, whole%60)
	default:
		return fmt.Sprintf("%d h %d min", whole/3600, whole/60%60)
	}
}

// size is a number of bytes in words.
func size(bytes int64) string {
	switch {
	case bytes < 10<<10:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 10<<20:
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
