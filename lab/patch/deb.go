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
// neither the machine nor the patch has makes the patch fail.
//
// A package that is there in exactly the file's version counts as installed.
// An older version than the machine's is refused, as apt does. Configuration
// files that somebody changed are kept.
func applyDebs(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	before, err := j.state(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	if len(before.packages) == 0 {
		return lab.PatchOutcome{Status: lab.NotApplicable, Message: "the machine has no dpkg"}, nil
	}
	debs, outcome, err := j.stageDebs(ctx)
	if err != nil || outcome != nil {
		return value(outcome), err
	}
	chosen, outcome := choose(debs, before, j.patch.InstalledOnly)
	if outcome != nil {
		return *outcome, nil
	}
	return j.install(ctx, chosen, before)
}

func value(o *lab.PatchOutcome) lab.PatchOutcome {
	if o == nil {
		return lab.PatchOutcome{}
	}
	return *o
}

// stageDebs uploads the files and lets the machine's own dpkg-deb read them.
// An outcome means that one of them is no package.
func (j *job) stageDebs(ctx context.Context) (debs []deb, refused *lab.PatchOutcome, err error) {
	if err := j.makeStage(ctx); err != nil {
		return nil, nil, err
	}
	for i, src := range j.patch.Files {
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

// aptOptions keep apt to the files it is given and let it ask nothing.
var aptOptions = []string{
	"-y", "-q", "--no-install-recommends",
	"-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null",
	"-o", "Acquire::Retries=0", "-o", "APT::Sandbox::User=root",
	"-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0",
	"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
}

// quietEnv lets no package ask a question or restart services on its own
// account.
func quietEnv() map[string]string {
	return map[string]string{
		"LC_ALL":                   "C",
		"DEBIAN_FRONTEND":          "noninteractive",
		"DEBCONF_NOWARNINGS":       "yes",
		"APT_LISTCHANGES_FRONTEND": "none",
		"NEEDRESTART_SUSPEND":      "1",
		"NEEDRESTART_MODE":         "l",
		"UCF_FORCE_CONFFOLD":       "1",
	}
}

// install runs apt and compares what is there afterwards with the files.
func (j *job) install(ctx context.Context, chosen []deb, before state) (lab.PatchOutcome, error) {
	args := append([]string{"apt-get"}, aptOptions...)
	args = append(args, "install", "--")
	for _, d := range chosen {
		args = append(args, d.staged)
	}
	j.progress.Step(fmt.Sprintf("installing %d packages", len(chosen)))
	out, printed, late, err := j.run(ctx, lab.Command{Shell: guest.Quote(args...) + " </dev/null", Env: quietEnv()})
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	after, err := j.state(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	outcome := j.judge(out, printed, late, chosen, before, after)
	outcome.Packages = changes(before, after)
	return outcome, nil
}

// judge says what came of apt's work. That apt reports success is not enough.
func (j *job) judge(out lab.Output, printed string, late bool, chosen []deb, before, after state) lab.PatchOutcome {
	switch {
	case late:
		return failed(-1, "%s", j.lateMessage(printed))
	case out.Signal != "":
		return failed(out.ExitCode, "apt-get was killed by signal %s: %s", out.Signal, cause(printed))
	case out.ExitCode != 0:
		return failed(out.ExitCode, "%s", cause(printed))
	case after.audit != "" && after.audit != before.audit:
		return failed(0, "apt-get reports success, but dpkg finds faults: %s", oneLine(after.audit))
	}
	for _, d := range chosen {
		p := after.packages[d.id()]
		if !p.installed() || p.version != d.version {
			return failed(0, "apt-get reports success, but %s is %q in version %s, want %s", d.id(), p.state, orNone(p.version), d.version)
		}
	}
	names := make([]string, len(chosen))
	for i, d := range chosen {
		names[i] = d.name + " " + d.version
	}
	return lab.PatchOutcome{Status: lab.Applied, Message: "installed " + strings.Join(names, ", ")}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
