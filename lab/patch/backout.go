package patch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// way is how the packages of a machine get back to what they were.
type way struct {
	before    state    // what is to be there afterwards
	files     []deb    // to be installed: previous versions, staged
	remove    []string // names as apt-get install takes them, with "-" behind
	reinstall bool
}

// backoutDebs brings every package that the patch changed back to the version
// that it had, in one transaction: from the patch's bundle, else from the
// machine's own cache of packages. New packages are removed; configuration
// files stay.
func backoutDebs(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	now, err := j.state(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	w := way{before: reversed(now, o.Packages), remove: removals(o.Packages, now)}
	var rebuilt map[string]string
	if u, ok := o.Undo.(*debUndo); ok && u != nil {
		rebuilt = u.rebuilt
	}
	w.reinstall = len(rebuilt) > 0
	missing, err := j.gatherPrevious(ctx, &w, previous(o.Packages, now, rebuilt), rebuilt)
	switch {
	case err != nil:
		return lab.BackoutOutcome{}, err
	case len(missing) > 0:
		return j.noWayBack(missing), nil
	case len(w.files)+len(w.remove) == 0:
		return lab.BackoutOutcome{Status: lab.TakenOut, Message: "every package is as before already"}, nil
	}
	return j.goBack(ctx, w, now, rebuilt)
}

// backoutApt is backoutDebs: the packages are what counts.
func backoutApt(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	return backoutDebs(ctx, j, o)
}

// noWayBack is the outcome where files of previous versions are missing.
func (j *job) noWayBack(missing []string) lab.BackoutOutcome {
	message := "there is no .deb file of " + few(missing)
	if j.patch.Bundle == "" {
		message += " in the machine's package cache: `" + bundleCommand(j.patch) + "` fetches what the mirrors still have"
	} else {
		message += ", neither in the patch's bundle nor in the machine's package cache"
	}
	return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: message}
}

// reversed is st without the changes.
func reversed(st state, changes []lab.PackageChange) state {
	back := state{packages: map[string]pkg{}, audit: st.audit}
	for id, p := range st.packages {
		back.packages[id] = p
	}
	for _, c := range changes {
		delete(back.packages, c.Name)
		if c.From != "" {
			back.packages[c.Name] = pkg{version: c.From, state: "install ok installed"}
		}
	}
	return back
}

// previous are the packages that have to be installed in an earlier version,
// or again in the same one.
func previous(changes []lab.PackageChange, now state, rebuilt map[string]string) (list []deb) {
	for _, c := range changes {
		if c.From != "" && versionOf(now, c.Name) != c.From {
			name, arch, _ := strings.Cut(c.Name, ":")
			list = append(list, deb{name: name, arch: arch, version: c.From})
		}
	}
	for id := range rebuilt {
		name, arch, _ := strings.Cut(id, ":")
		list = append(list, deb{name: name, arch: arch, version: versionOf(now, id)})
	}
	slices.SortFunc(list, func(a, b deb) int { return strings.Compare(a.id(), b.id()) })
	return list
}

// removals are the packages that were not there, as apt-get install removes
// them. One that only changed between an architecture and "all" is none.
func removals(changes []lab.PackageChange, now state) (list []string) {
	had := map[string][]string{} // name: architectures before
	for _, c := range changes {
		if name, arch, _ := strings.Cut(c.Name, ":"); c.From != "" {
			had[name] = append(had[name], arch)
		}
	}
	for _, c := range changes {
		name, arch, _ := strings.Cut(c.Name, ":")
		replaced := len(had[name]) > 0 && (arch == "all" || slices.Contains(had[name], "all"))
		switch {
		case c.From != "" || versionOf(now, c.Name) == "" || replaced:
		case arch == "all":
			list = append(list, name+"-")
		default:
			list = append(list, name+":"+arch+"-")
		}
	}
	return list
}

// goBack runs apt and compares what is there afterwards with what was there
// before the patch.
func (j *job) goBack(ctx context.Context, w way, now state, rebuilt map[string]string) (lab.BackoutOutcome, error) {
	options := []string{"--allow-downgrades", "--allow-change-held-packages"}
	if w.reinstall {
		options = append(options, "--reinstall")
	}
	what := slices.Clone(w.remove)
	for _, d := range w.files {
		what = append(what, d.staged)
	}
	j.progress.Step(fmt.Sprintf("taking out: %d packages go back, %d are removed", len(w.files), len(w.remove)))
	res, err := j.apt(ctx, options, what)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	after, err := j.state(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	out := lab.BackoutOutcome{Status: lab.TakenOut, ExitCode: res.code(), Packages: changes(now, after)}
	out.Message = fmt.Sprintf("every package is as before: %d went back, %d removed", len(w.files), len(w.remove))
	why := j.aptFailure(res)
	if why == "" {
		why = notBack(w, now, after)
	}
	if why == "" {
		why, err = j.otherContent(ctx, w, rebuilt)
	}
	if why != "" {
		out.Status, out.Message = lab.BackoutFailed, why
	}
	return out, err
}

// notBack says what is other than before the patch; empty when nothing is.
func notBack(w way, now, after state) string {
	if why := newFaults(now.audit, after); why != "" {
		return "apt-get reports success, but " + why
	}
	for _, c := range changes(w.before, after) {
		return fmt.Sprintf("apt-get reports success, but %s is there in version %s, before the patch it was %s", c.Name, orNone(c.To), orNone(c.From))
	}
	for _, d := range w.files {
		if why := d.notIn(after); why != "" {
			return "apt-get reports success, but " + why
		}
	}
	return ""
}

// otherContent names a package that has not the content that it had before
// the patch; empty: none.
func (j *job) otherContent(ctx context.Context, w way, rebuilt map[string]string) (string, error) {
	again := slices.DeleteFunc(slices.Clone(w.files), func(d deb) bool { _, ok := rebuilt[d.id()]; return !ok })
	contents, err := j.contents(ctx, again)
	if err != nil {
		return "", err
	}
	for i, d := range again {
		if contents[i].installed != rebuilt[d.id()] {
			return fmt.Sprintf("apt-get reports success, but %s %s has other content than before the patch", d.id(), d.version), nil
		}
	}
	return "", nil
}
