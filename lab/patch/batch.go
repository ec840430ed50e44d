package patch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// batchUndo is what was done of a batch, in the order it was.
type batchUndo struct{ done []batchStep }

// batchStep is one part of a batch, or several that were applied as one.
type batchStep struct {
	patch   *lab.Patch
	parts   []*lab.Patch
	outcome lab.PatchOutcome
}

// applyBatch applies the patch's parts in their order, as far as they are for
// this machine, and stops at the first that fails. Adjacent parts of .deb
// files are one transaction, as are those of .rpm files, since one may depend
// on another.
//
// The outcome is failed as soon as one part is; applied when one part is;
// already installed when one is so; else not applicable. The status of parts
// that were one transaction is that of the transaction, and what changed is
// with the first of them.
func applyBatch(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	parts := partsFor(j.patch, j.guest.Machine())
	if len(parts) == 0 {
		return lab.PatchOutcome{Status: lab.NotApplicable, Message: "none of its parts is for this machine"}, nil
	}
	var undo batchUndo
	steps := together(parts)
	for i := 0; i < len(steps); i++ {
		step := steps[i]
		begun := j.started
		j.started = false
		out, err := j.part(ctx, fmt.Sprintf("part%d", len(undo.done)+1), step.patch)
		untouched := !j.started
		j.started = j.started || begun
		if err != nil {
			return lab.PatchOutcome{}, err
		}
		if out.Status == lab.PatchFailed && untouched && len(step.parts) > 1 {
			// They cannot be had together, and nothing was changed.
			steps = slices.Replace(steps, i, i+1, singly(step.parts)...)
			i--
			continue
		}
		step.outcome = out
		undo.done = append(undo.done, step)
		if out.Status == lab.PatchFailed {
			break
		}
	}
	return undo.outcome(), nil
}

// part applies one part, staged in a folder of its own below the batch's.
func (j *job) part(ctx context.Context, folder string, p *lab.Patch) (lab.PatchOutcome, error) {
	k, err := kindOf(p)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	if reason := k.misfit(p, j.guest.Machine()); reason != "" {
		return lab.PatchOutcome{Status: lab.NotApplicable, Message: j.printable(reason)}, nil
	}
	j.progress.Step("applying " + p.Name)
	sub := j.sub(folder, p)
	out, err := k.apply(ctx, sub)
	j.started, j.staged = j.started || sub.started, j.staged || sub.staged
	out.Message = j.printable(out.Message)
	return out, err
}

// sub is the job of a part.
func (j *job) sub(folder string, p *lab.Patch) *job {
	part, patch := *j, *p
	if patch.Timeout == 0 {
		patch.Timeout = j.patch.Timeout
	}
	part.patch, part.stage, part.staged, part.started = &patch, j.staging.path(j.stage, folder), false, false
	return &part
}

// partsFor are the parts of p that are for machine m: those whose targets it
// is among, or that have none of their own.
func partsFor(p *lab.Patch, m *lab.Machine) []*lab.Patch {
	return slices.DeleteFunc(slices.Clone(p.Parts), func(part *lab.Patch) bool {
		return len(part.Targets) > 0 && !slices.ContainsFunc(part.Targets, func(t *lab.Machine) bool { return t.Name == m.Name })
	})
}

// together makes steps of parts: one for adjacent parts with package files of
// one kind, one for each other part.
func together(parts []*lab.Patch) (steps []batchStep) {
	for _, p := range parts {
		last := len(steps) - 1
		if last >= 0 && mergeable(steps[last].patch, p) {
			steps[last].parts = append(steps[last].parts, p)
			steps[last].patch = merged(steps[last].parts)
			continue
		}
		steps = append(steps, batchStep{patch: p, parts: []*lab.Patch{p}})
	}
	return steps
}

func singly(parts []*lab.Patch) (steps []batchStep) {
	for _, p := range parts {
		steps = append(steps, batchStep{patch: p, parts: []*lab.Patch{p}})
	}
	return steps
}

func mergeable(a, b *lab.Patch) bool {
	return a.Kind == b.Kind && (a.Kind == lab.PatchDeb || a.Kind == lab.PatchRPM) &&
		a.InstalledOnly == b.InstalledOnly && a.Bundle == b.Bundle
}

// merged is one patch of several that are mergeable.
func merged(parts []*lab.Patch) *lab.Patch {
	all := *parts[0]
	all.Files, all.Timeout = nil, 0
	var names []string
	for _, p := range parts {
		names = append(names, p.Name)
		all.Timeout += p.Timeout
		for _, f := range p.Files {
			if !slices.Contains(all.Files, f) {
				all.Files = append(all.Files, f)
			}
		}
	}
	all.Name = strings.Join(names, " + ")
	return &all
}

// outcome is what came of the batch as far as it was done.
func (u batchUndo) outcome() lab.PatchOutcome {
	var out lab.PatchOutcome
	count := map[lab.PatchStatus]int{}
	for _, step := range u.done {
		for i, p := range step.parts {
			o := step.outcome
			if i > 0 {
				o.Packages, o.Undo = nil, nil
			}
			out.Parts = append(out.Parts, lab.PartOutcome{Patch: p.Name, PatchOutcome: o})
			count[o.Status]++
		}
		out.Packages = joinChanges(out.Packages, step.outcome.Packages)
		out.RebootNeeded = out.RebootNeeded || step.outcome.RebootNeeded
		if step.outcome.Status == lab.PatchFailed {
			out.Status, out.ExitCode = lab.PatchFailed, step.outcome.ExitCode
			out.Message = fmt.Sprintf("part %q failed: %s", step.patch.Name, step.outcome.Message)
		}
	}
	if out.Status == "" {
		out.Status, out.Message = summary(count)
	}
	out.Undo = u
	return out
}

// summary is the status of a batch of which nothing failed.
func summary(count map[lab.PatchStatus]int) (lab.PatchStatus, string) {
	status, total, words := lab.NotApplicable, 0, []string{}
	for _, s := range []lab.PatchStatus{lab.Applied, lab.AlreadyInstalled, lab.NotApplicable} {
		if n := count[s]; n > 0 {
			if total == 0 {
				status = s
			}
			total += n
			words = append(words, fmt.Sprintf("%d %s", n, s))
		}
	}
	return status, fmt.Sprintf("of %d parts %s", total, strings.Join(words, ", "))
}

// joinChanges adds later changes of packages to earlier ones: of a package
// that was changed twice, from the first to the last.
func joinChanges(list, more []lab.PackageChange) []lab.PackageChange {
	for _, c := range more {
		i := slices.IndexFunc(list, func(o lab.PackageChange) bool { return o.Name == c.Name })
		switch {
		case i < 0:
			list = append(list, c)
		case list[i].From == c.To:
			list = slices.Delete(list, i, i+1)
		default:
			list[i].To = c.To
		}
	}
	slices.SortFunc(list, func(a, b lab.PackageChange) int { return strings.Compare(a.Name, b.Name) })
	return list
}
