package patch

import (
	"context"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// namedRPMs picks, of a bundle's packages, the newest of each that has one of
// the names ("name" or "name=version"), and what these require there, unless
// the machine has it as new. An outcome means that one is not in the bundle.
func namedRPMs(list []rpmFile, st rpmState, names []string) ([]rpmFile, *lab.PatchOutcome) {
	list = slices.DeleteFunc(slices.Clone(list), func(p rpmFile) bool { return !p.fits(st.arch) })
	named := map[string]bool{} // by path on the machine
	for _, text := range names {
		best := -1
		for i, p := range list {
			if p.isNamed(text) && (best < 0 || compareRPM(p.version, list[best].version) > 0) {
				best = i
			}
		}
		if best < 0 {
			o := failed(0, "the bundle has no package %s for %s", text, st.arch)
			return nil, &o
		}
		named[list[best].staged] = true
	}
	closed := withRequired(newestRPMs(list, named), func(p rpmFile) bool { return named[p.staged] })
	return slices.DeleteFunc(closed, func(p rpmFile) bool {
		there := p.installedAs(st)
		return !named[p.staged] && there != "" && compareRPM(there, p.version) >= 0
	}), nil
}

// newestRPMs leaves out what is there in a newer version as well, or is not
// the version that was named.
func newestRPMs(list []rpmFile, named map[string]bool) []rpmFile {
	return slices.DeleteFunc(slices.Clone(list), func(p rpmFile) bool {
		return !named[p.staged] && slices.ContainsFunc(list, func(q rpmFile) bool {
			return p.id() == q.id() && (named[q.staged] || compareRPM(p.version, q.version) < 0)
		})
	})
}

// isNamed reports whether text, "name" or "name=version", means the package.
// The version may be without epoch and release.
func (p rpmFile) isNamed(text string) bool {
	name, version, exact := strings.Cut(text, "=")
	if name != p.name && name != p.id() {
		return false
	}
	_, plain := cutEpoch(p.version)
	upstream, _, _ := strings.Cut(plain, "-")
	return !exact || version == p.version || version == plain || version == upstream
}

// installNamed leaves the patch to the machine's own repositories.
func (j *job) installNamed(ctx context.Context, tool string, before rpmState) (lab.PatchOutcome, error) {
	names := j.patch.Packages
	if j.patch.InstalledOnly {
		names = slices.DeleteFunc(slices.Clone(names), func(text string) bool { return len(namedThere(text, before)) == 0 })
	}
	if len(names) == 0 {
		return lab.PatchOutcome{Status: lab.NotApplicable, Message: "none of its packages is installed"}, nil
	}
	args := []string{tool, "-y", "install"}
	if tool == "zypper" {
		args = []string{tool, "--non-interactive", "install", "--no-recommends", "--auto-agree-with-licenses", "--"}
	}
	for _, text := range names {
		if tool != "zypper" { // which takes "name=version" as it is
			text = strings.Replace(text, "=", "-", 1)
		}
		args = append(args, text)
	}
	j.progress.Step("installing " + strings.Join(names, ", ") + " from the machine's own repositories")
	out, printed, late, err := j.run(ctx, lab.Command{Shell: guest.Quote(args...) + " </dev/null", Env: rpmEnv()})
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	after, err := j.rpmState(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	outcome := j.judgeRPMs(tool, out, printed, late)
	if outcome.Status == lab.PatchFailed {
		outcome.Message = "without a bundle the machine's own repositories are used: " + outcome.Message
	}
	undo := rpmUndo{tool: tool, own: true, mark: "install " + strings.Join(args[3:], " "), changes: rpmChanges(before, after)}
	if outcome.Status == lab.Applied {
		outcome = named(outcome, &undo, names, after)
	}
	outcome.Packages, outcome.Undo = undo.changes, undo
	return outcome, nil
}

// named says what came of an installation that succeeded, by the packages
// that are there now.
func named(outcome lab.PatchOutcome, undo *rpmUndo, names []string, after rpmState) lab.PatchOutcome {
	for _, text := range names {
		there := namedThere(text, after)
		if len(there) == 0 {
			return failed(outcome.ExitCode, "%s reports success, but %s is not installed", undo.tool, text)
		}
		undo.want = append(undo.want, there...)
	}
	outcome.Message = "installed " + namesOf(undo.want) + outcome.Message
	if len(undo.changes) == 0 {
		outcome.Status = lab.AlreadyInstalled
		outcome.Message = "there is nothing newer than " + namesOf(undo.want)
	}
	return outcome
}

// namedThere are the packages on the machine that text, "name" or
// "name=version", means.
func namedThere(text string, st rpmState) (list []wantedRPM) {
	for id := range st.packages {
		dot := strings.LastIndexByte(id, '.')
		p := rpmFile{name: id[:max(dot, 0)], arch: id[dot+1:], version: st.newest(id)}
		if p.isNamed(text) {
			list = append(list, wantedRPM{id, p.version})
		}
	}
	slices.SortFunc(list, func(a, b wantedRPM) int { return strings.Compare(a.id, b.id) })
	return list
}
