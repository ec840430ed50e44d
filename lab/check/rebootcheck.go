package check

import (
	"context"

	"github.com/patchlab/patchlab/lab"
)

// rebootCheck looks whether the machine asks for a reboot, as a run does after
// a patch.
func (r Runner) rebootCheck(ctx context.Context, s *lab.RebootCheck, at place) finding {
	if at.Guest == nil {
		return finding{err: errNeedsMachine}
	}
	if r.RebootPending == nil {
		return finding{faults: []string{"nothing here can tell whether a machine asks for a reboot"}}
	}
	pending, reason, err := r.RebootPending(ctx, at.Guest)
	f := finding{err: err, evidence: reason}
	switch {
	case err != nil:
	case pending && !s.Pending:
		f.fault("a reboot is pending, want none: %s", orDefault(reason, "no reason given"))
	case !pending && s.Pending:
		f.fault("no reboot is pending, want one")
	case pending:
		f.seen = "a reboot is pending: " + orDefault(reason, "no reason given")
	default:
		f.seen = "no reboot is pending"
	}
	return f
}
