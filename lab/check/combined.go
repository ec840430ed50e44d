package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// combinedCheck makes its members one after the other. Any ends with the first
// that passes; all makes every one, so that nothing that is wrong stays
// unsaid. A member that compares with the baseline has nowhere to keep what
// the baseline was.
func (r Runner) combinedCheck(ctx context.Context, s *lab.CombinedCheck, at place) finding {
	for _, m := range s.Members {
		switch m.(type) {
		case *lab.LogCheck, *lab.PerformanceCheck, *lab.CombinedCheck:
			return finding{faults: []string{fmt.Sprintf("a check of kind %q cannot be part of %q", m.Kind(), s.Kind())}}
		}
	}
	if len(s.Members) == 0 {
		return finding{faults: []string{fmt.Sprintf("%q has no members", s.Kind())}}
	}
	var f finding
	var seen, evidence []string
	for i, m := range s.Members {
		one := r.attempt(ctx, m, at)
		who := fmt.Sprintf("%s (%d of %d): ", m.Kind(), i+1, len(s.Members))
		if one.evidence != "" {
			evidence = append(evidence, who+"\n"+one.evidence)
		}
		if ctx.Err() != nil { // no later one has any time left
			f.fault("while making %s (%d of %d)", m.Kind(), i+1, len(s.Members))
			f.err, f.evidence = orError(one.err, context.Cause(ctx)), strings.Join(evidence, "\n")
			return f
		}
		text := who + one.message(at.name, at.timeout)
		switch {
		case one.passed() && !s.All:
			return finding{seen: text, evidence: one.evidence}
		case one.passed():
			seen = append(seen, text)
		default:
			f.faults = append(f.faults, text)
		}
	}
	f.seen, f.evidence = strings.Join(seen, "; "), strings.Join(evidence, "\n")
	return f
}

func orError(err, other error) error {
	if err == nil {
		return other
	}
	return err
}
