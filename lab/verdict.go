package lab

import (
	"fmt"
	"strings"
)

// judge sets the record's verdict and the sentence that gives its reason.
//
// A fault of this host spoils everything. Otherwise a fault of the patch, which
// shows every time and does not show without it, outweighs an unsound lab,
// which outweighs a pass. Whatever is unknown is inconclusive: a pass needs
// every target to have answered and every critical check to have been made.
func (r *Record) judge() {
	if reasons := r.hostFaults(); len(reasons) > 0 {
		r.Verdict, r.Reason = Inconclusive, summary(reasons)
		return
	}
	if reasons := r.patchFaults(); len(reasons) > 0 {
		r.Verdict, r.Reason = Fail, summary(reasons)
		return
	}
	if reasons := r.labFaults(); len(reasons) > 0 {
		r.Verdict, r.Reason = Inconclusive, summary(reasons)
		return
	}
	r.Verdict, r.Reason = Pass, r.passReason()
}

// hostFaults lists what this host did to the run.
func (r *Record) hostFaults() []string {
	var out []string
	for _, f := range r.Findings {
		if f.Host {
			out = append(out, f.Summary)
		}
	}
	return out
}

// patchFaults lists what the patch is to blame for.
func (r *Record) patchFaults() []string {
	var out []string
	for _, f := range r.Findings {
		if f.Patch {
			out = append(out, f.Summary)
		}
	}
	for _, c := range r.Checks {
		if c.Class == ClassRegression && c.Severity == Critical {
			out = append(out, fmt.Sprintf("check %q passed before the patch and fails after it: %s", c.Name, c.Message))
		}
	}
	return out
}

// labFaults lists why nothing can be said about the patch.
func (r *Record) labFaults() []string {
	var out []string
	if len(r.Checks) == 0 {
		out = append(out, "the definition has no checks, so nothing would be noticed")
	}
	for _, f := range r.Findings {
		if !f.Patch && !f.Warning {
			out = append(out, f.Summary)
		}
	}
	for _, c := range r.Checks {
		if c.Severity != Critical {
			continue
		}
		switch c.Class {
		case ClassPreExisting:
			out = append(out, fmt.Sprintf("check %q fails already before the patch: %s", c.Name, c.Message))
		case ClassRebootInduced:
			out = append(out, fmt.Sprintf("check %q fails after a reboot without the patch as well: %s", c.Name, c.Message))
		case ClassFlaky:
			out = append(out, fmt.Sprintf("check %q is flaky: %s", c.Name, c.Message))
		case ClassNotRun:
			out = append(out, fmt.Sprintf("check %q was not made", c.Name))
		}
	}
	return append(out, r.unapplied()...)
}

// unapplied says why nothing was tested when no target took the patch, and
// which targets never came to be asked.
func (r *Record) unapplied() []string {
	var missing, idle []string
	touched := false
	for _, m := range r.Machines {
		switch {
		case !m.Target:
		case m.Outcome == nil:
			missing = append(missing, fmt.Sprintf("the patch was not tried on %q", m.Name))
		case m.Outcome.Status == Applied || m.Outcome.Status == PatchFailed:
			touched = true
		default:
			idle = append(idle, fmt.Sprintf("%s on %q (%s)", m.Outcome.Status, m.Name, m.Outcome.Message))
		}
	}
	if touched || len(missing) > 0 {
		return missing
	}
	return []string{"nothing was changed on any machine: " + strings.Join(idle, ", ")}
}

func (r *Record) passReason() string {
	applied, passing := 0, 0
	for _, m := range r.Machines {
		if m.Outcome != nil && m.Outcome.Status == Applied {
			applied++
		}
	}
	for _, c := range r.Checks {
		again, twice := c.Arms[ArmRerun]
		if c.Arms[ArmPatched].Passed && (!twice || again.Passed) {
			passing++
		}
	}
	return fmt.Sprintf("applied on %s, and %d of %s pass after it",
		count(applied, "machine"), passing, count(len(r.Checks), "check"))
}

// summary makes one sentence of the reasons.
func summary(reasons []string) string {
	if len(reasons) == 1 {
		return reasons[0]
	}
	return fmt.Sprintf("%s (and %d more)", reasons[0], len(reasons)-1)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
