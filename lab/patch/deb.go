package patch

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// applyDebs installs the patch's packages together, with apt, from the files
// alone: apt is given no sources, so nothing is fetched and a dependency that
// neither the machine nor the patch (nor its bundle) has makes the patch fail.
//
// A package counts as installed where it is there in the file's version and
// with the file's content. An older version than the machine's is refused, as
// apt does. Configuration files that somebody changed are kept.
func applyDebs(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	files := j.patch.Files
	if j.patch.Bundle != "" {
		b, err := j.bundle()
		if err != nil {
			return lab.PatchOutcome{}, err
		}
		files = append(files[:len(files):len(files)], b.beside(files, j.guest.Machine().Name)...)
	}
	return j.applyPackages(ctx, files, j.patch.InstalledOnly, "every package is there in exactly this version")
}

// applyPackages installs the .deb files together; with installedOnly, those
// that choose keeps. There is what the outcome says when nothing is left to
// do.
func (j *job) applyPackages(ctx context.Context, files []string, installedOnly bool, there string) (lab.PatchOutcome, error) {
	before, err := j.state(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	if len(before.packages) == 0 {
		return lab.PatchOutcome{Status: lab.NotApplicable, Message: "the machine has no dpkg"}, nil
	}
	debs, outcome, err := j.stageDebs(ctx, files)
	if err != nil || outcome != nil {
		return value(outcome), err
	}
	chosen, outcome := choose(debs, before, installedOnly)
	if outcome != nil {
		return *outcome, nil
	}
	pending, rebuilt, err := j.pending(ctx, chosen, before)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	undo := &debUndo{want: chosen, audit: before.audit, rebuilt: rebuilt}
	if len(pending) == 0 {
		return lab.PatchOutcome{Status: lab.AlreadyInstalled, Message: there, Undo: undo}, nil
	}
	out, err := j.install(ctx, pending, before, rebuilt)
	out.Undo = undo
	return out, err
}

func value(o *lab.PatchOutcome) lab.PatchOutcome {
	if o == nil {
		return lab.PatchOutcome{}
	}
	return *o
}

// stageDebs uploads the files and lets the machine's own dpkg-deb read them.
// An outcome means that one of them is no package.
func (j *job) stageDebs(ctx context.Context, files []string) (debs []deb, refused *lab.PatchOutcome, err error) {
	if err := j.makeStage(ctx); err != nil {
		return nil, nil, err
	}
	for i, src := range files {
		staged, err := j.upload(ctx, src, stagedName(i, src), false)
		if err != nil {
			return nil, nil, err
		}
		debs = append(debs, deb{file: filepath.Base(src), staged: staged})
	}
	j.progress.Step("reading the packages")
	foreign, err := j.ask(ctx, "dpkg --print-architecture && dpkg --print-foreign-architectures")
	if err != nil {
		return nil, nil, err
	}
	for i := range debs {
		out, err := j.guest.Run(ctx, lab.Command{
			Shell:   guest.Quote(append([]string{"dpkg-deb", "--field", debs[i].staged}, fields...)...),
			Env:     map[string]string{"LC_ALL": "C"},
			Timeout: askLimit,
		})
		if err != nil {
			return nil, nil, err
		}
		if out.ExitCode != 0 || !debs[i].read(string(out.Stdout), strings.Fields(foreign)) {
			o := failed(out.ExitCode, "%s is no package that dpkg can read: %s", debs[i].file, lastLine(string(out.Stderr)))
			return nil, &o, nil
		}
	}
	return debs, nil, nil
}

var unsafeName = regexp.MustCompile(`[^A-Za-z0-9.+~_-]+`)

// stagedName is a file name that apt takes for a package's, whatever the
// host's file is called.
func stagedName(i int, src string) string {
	base := strings.TrimSuffix(filepath.Base(src), ".deb")
	return fmt.Sprintf("%03d_%s.deb", i+1, unsafeName.ReplaceAllString(base, "_"))
}

// install runs apt and compares what is there afterwards with the files.
// Rebuilt is the content before of those that are there in the same version.
func (j *job) install(ctx context.Context, pending []deb, before state, rebuilt map[string]string) (lab.PatchOutcome, error) {
	var options []string
	if len(rebuilt) > 0 {
		options = append(options, "--reinstall")
	}
	files := make([]string, len(pending))
	for i, d := range pending {
		files[i] = d.staged
	}
	j.progress.Step(fmt.Sprintf("installing %d packages", len(pending)))
	res, err := j.apt(ctx, options, files)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	after, err := j.state(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	outcome := j.judge(res, pending, before, after, rebuilt)
	outcome.Packages = changes(before, after)
	if outcome.Status == lab.Applied && len(rebuilt) > 0 {
		if stuck, err := j.unchanged(ctx, pending, rebuilt); err != nil || stuck != "" {
			o := failed(0, "apt-get reports success, but %s has the content that it had before", stuck)
			o.Packages = outcome.Packages
			return o, err
		}
	}
	return outcome, nil
}

// judge says what came of apt's work. That apt reports success is not enough.
func (j *job) judge(res aptResult, pending []deb, before, after state, rebuilt map[string]string) lab.PatchOutcome {
	if why := j.aptFailure(res); why != "" {
		return failed(res.code(), "%s", why)
	}
	if why := newFaults(before.audit, after); why != "" {
		return failed(0, "apt-get reports success, but %s", why)
	}
	for _, d := range pending {
		if why := d.notIn(after); why != "" {
			return failed(0, "apt-get reports success, but %s", why)
		}
	}
	names := make([]string, len(pending))
	for i, d := range pending {
		names[i] = d.name + " " + d.version
		if _, ok := rebuilt[d.id()]; ok {
			names[i] += " (again: the same version was there with other content)"
		}
	}
	return lab.PatchOutcome{Status: lab.Applied, Message: "installed " + strings.Join(names, ", ")}
}

// notIn says what is there instead of d; empty when d is installed.
func (d deb) notIn(st state) string {
	if p := st.packages[d.id()]; !p.installed() || p.version != d.version {
		return fmt.Sprintf("%s is %q in version %s, want %s", d.id(), p.state, orNone(p.version), d.version)
	}
	return ""
}

// newFaults says what dpkg finds wrong that it did not before; empty: nothing.
func newFaults(before string, after state) string {
	if after.audit == "" || after.audit == before {
		return ""
	}
	return "dpkg finds faults: " + oneLine(after.audit)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
