package lab

// Classify says what a check's outcomes in the arms mean together. An arm in
// which the check was not made is nil. Without a control arm a failure that a
// reboot alone causes cannot be told from a regression; the re-run, patched
// once more from a fresh fork, tells chance from effect.
func Classify(baseline, control, patched, rerun *CheckResult) Class {
	switch {
	case baseline == nil || patched == nil:
		return ClassNotRun
	case rerun != nil && rerun.Passed != patched.Passed:
		return ClassFlaky
	case !baseline.Passed && patched.Passed:
		return ClassFixed
	case !baseline.Passed:
		return ClassPreExisting
	case patched.Passed:
		return ClassOK
	case control != nil && !control.Passed:
		return ClassRebootInduced
	default:
		return ClassRegression
	}
}

// class is what c's outcomes so far mean together. A check that failed in the
// baseline and passed when made again is flaky, whatever it did later.
func (r *run) class(c *Check) Class {
	class := Classify(r.before(c), r.control.result(c), r.patched.result(c), r.rerun.result(c))
	if r.flaky[c] && class != ClassNotRun {
		return ClassFlaky
	}
	return class
}

// before is the outcome of c in the baseline, nil when it was not made.
func (r *run) before(c *Check) *CheckResult {
	if res, ok := r.baseline[c]; ok {
		return &res
	}
	return nil
}

// describeChecks writes what the checks came to.
func (r *run) describeChecks() {
	for _, c := range r.lab.Checks {
		rec := CheckRecord{
			Name: c.Name, Kind: c.Spec.Kind(), From: c.Place(), Severity: c.Severity,
			Class: r.class(c), Message: r.message(c), Arms: map[Arm]CheckResult{},
		}
		for arm, res := range map[Arm]*CheckResult{
			ArmBaseline: r.before(c), ArmControl: r.control.result(c),
			ArmPatched: r.patched.result(c), ArmRerun: r.rerun.result(c),
			ArmBackout: r.backout.result(c),
		} {
			if res != nil {
				rec.Arms[arm] = *res
			}
		}
		r.rec.rec.Checks = append(r.rec.rec.Checks, rec)
	}
}

// message is the one line about c: what was seen after the patch, or before it
// when there is no after. Of a flaky check it is what failed.
func (r *run) message(c *Check) string {
	before, after, again := r.before(c), r.patched.result(c), r.rerun.result(c)
	class := r.class(c)
	switch {
	case class == ClassFlaky && r.flaky[c]:
		return "failed before the patch, passed when made again: " + before.Message
	case class == ClassFlaky && after.Passed:
		return "passed once after the patch, failed the second time: " + again.Message
	case class == ClassFlaky:
		return "failed once after the patch, passed the second time: " + after.Message
	case class == ClassRegression && again == nil:
		return after.Message + " (seen once, not confirmed)"
	case class == ClassRegression && r.patched.early[c].Passed:
		return after.Message + " (only since the reboot: before it, the check passed with the patch)"
	case after != nil:
		return after.Message
	case before != nil:
		return before.Message
	}
	return ""
}
