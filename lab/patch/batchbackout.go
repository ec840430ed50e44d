package patch

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// backoutBatch takes the parts that were applied out again, the last first,
// and stops at the first that cannot be: what lies below it may depend on it.
func backoutBatch(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	undo, ok := o.Undo.(batchUndo)
	if !ok {
		return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: "it is not known which parts were applied"}, nil
	}
	all := lab.BackoutOutcome{Status: lab.NotBackedOut, Message: "no part was applied here"}
	taken := 0
	for i, step := range slices.Backward(undo.done) {
		if step.outcome.Status != lab.Applied {
			continue
		}
		k, err := kindOf(step.patch)
		if err != nil {
			return all, err
		}
		j.progress.Step("taking out " + step.patch.Name)
		sub := j.sub(fmt.Sprintf("backout%d", i+1), step.patch)
		out, err := k.backout(ctx, sub, step.outcome)
		j.started, j.staged = j.started || sub.started, j.staged || sub.staged
		all.Packages = joinChanges(all.Packages, out.Packages)
		if err != nil {
			return all, err
		}
		if out.Status == lab.BackoutFailed || out.Status == lab.CannotTakeOut {
			all.Status, all.ExitCode = out.Status, out.ExitCode
			if taken > 0 {
				all.Status = lab.BackoutFailed // something was tried
			}
			all.Message = fmt.Sprintf("part %q: %s", step.patch.Name, out.Message)
			return all, nil
		}
		if out.Status == lab.TakenOut {
			taken++
			all.Status, all.Message = lab.TakenOut, fmt.Sprintf("%d parts were taken out", taken)
		}
	}
	return all, nil
}

// confirmBatch confirms every part that is in.
func confirmBatch(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	undo, ok := o.Undo.(batchUndo)
	if !ok {
		return false, "it is not known which parts had to be in", nil
	}
	var seen []string
	for i, step := range undo.done {
		if s := step.outcome.Status; s != lab.Applied && s != lab.AlreadyInstalled {
			continue
		}
		k, err := kindOf(step.patch)
		if err != nil {
			return false, "", err
		}
		sub := j.sub(path.Join("confirm", fmt.Sprint(i+1)), step.patch)
		in, message, err := k.confirm(ctx, sub, step.outcome)
		j.staged = j.staged || sub.staged
		if err != nil || !in {
			return false, fmt.Sprintf("part %q: %s", step.patch.Name, message), err
		}
		seen = append(seen, fmt.Sprintf("part %q: %s", step.patch.Name, message))
	}
	return len(seen) > 0, strings.Join(seen, "; "), nil
}
