package patch

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// rpmUndo is what is needed to confirm packages and to take them out.
type rpmUndo struct {
	tool    string // that installed them
	mark    string // what is in the command line of the tool's transaction, and of no other; empty: nothing
	own     bool   // they came from the machine's own repositories
	want    []wantedRPM
	changes []lab.PackageChange
}

// wantedRPM is a package that has to be there afterwards.
type wantedRPM struct{ id, version string }

// applyRPM installs packages together, with dnf, yum, zypper or rpm, whatever
// of these the machine has first: those of the patch's files, or of its
// bundle those that it names with what they require there. The tool is given
// no repository, so nothing is fetched, and a dependency that neither the
// machine nor the patch has makes the patch fail. A patch that names packages
// without a bundle is left to the machine's own repositories.
//
// An older version than the machine's is refused. What the machine's own rules
// say about signatures holds.
func applyRPM(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	before, err := j.rpmState(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	tool, outcome := rpmTool(j.patch.Kind, before)
	if outcome != nil {
		return *outcome, nil
	}
	if j.patch.Kind != lab.PatchRPM && j.patch.Bundle == "" {
		return j.installNamed(ctx, tool, before)
	}
	chosen, outcome, err := j.pickRPMs(ctx, before)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	if outcome != nil {
		outcome.Undo = rpmUndo{tool: tool, want: wantRPMs(chosen)}
		return *outcome, nil
	}
	return j.installRPMs(ctx, tool, chosen, before)
}

// rpmTool is what installs packages on a machine, or why none can.
func rpmTool(kind lab.PatchKind, st rpmState) (tool string, outcome *lab.PatchOutcome) {
	missing := "rpm"
	switch {
	case st.tool("rpm") == "":
	case kind == lab.PatchDNF:
		tool, missing = st.tool("dnf", "yum"), "dnf"
	case kind == lab.PatchZypper:
		tool, missing = st.tool("zypper"), "zypper"
	default:
		tool = st.tool("dnf", "yum", "zypper", "rpm")
	}
	if tool == "" {
		return "", &lab.PatchOutcome{Status: lab.NotApplicable, Message: "the machine has no " + missing}
	}
	return tool, nil
}

// pickRPMs stages the packages and chooses those that are installed. Beside an
// outcome it returns those that are there already.
func (j *job) pickRPMs(ctx context.Context, before rpmState) ([]rpmFile, *lab.PatchOutcome, error) {
	files, byName, outcome, err := j.rpmFiles()
	if err != nil || outcome != nil {
		return nil, outcome, err
	}
	list, outcome, err := j.stageRPMs(ctx, files)
	if err != nil || outcome != nil {
		return nil, outcome, err
	}
	if byName {
		if list, outcome = namedRPMs(list, before, j.patch.Packages); outcome != nil {
			return nil, outcome, nil
		}
	}
	chosen, outcome := chooseRPMs(list, before, j.patch.InstalledOnly)
	return chosen, outcome, nil
}

// rpmFiles are the package files that may be for the machine: the patch's own,
// those that its bundle has for this machine, or all of a bundle that does not
// know the machine: then they are to be chosen by name.
func (j *job) rpmFiles() (files []string, byName bool, outcome *lab.PatchOutcome, err error) {
	if j.patch.Kind == lab.PatchRPM {
		return j.patch.Files, false, nil, nil
	}
	b, err := readBundle(j.patch.Bundle)
	if err != nil {
		return nil, false, nil, &lab.HostError{Op: "read the bundle " + j.patch.Bundle, Err: err}
	}
	if m, known := b.Machines[j.guest.Machine().Name]; known {
		if len(m.Install) == 0 {
			outcome = &lab.PatchOutcome{Status: lab.AlreadyInstalled, Message: "the bundle has nothing newer for this machine"}
		}
		return b.Paths(m.Install), false, outcome, nil
	}
	for _, f := range b.Files {
		files = append(files, filepath.Join(b.Dir, f.Name))
	}
	if len(files) == 0 {
		o := failed(0, "the bundle is empty")
		outcome = &o
	}
	return files, true, outcome, nil
}

// installRPMs runs the tool and compares what is there afterwards with the
// files.
func (j *job) installRPMs(ctx context.Context, tool string, chosen []rpmFile, before rpmState) (lab.PatchOutcome, error) {
	j.progress.Step(fmt.Sprintf("installing %d packages", len(chosen)))
	out, printed, late, err := j.run(ctx, lab.Command{Shell: rpmInstall(tool, chosen) + " </dev/null", Env: rpmEnv()})
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	after, err := j.rpmState(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	undo := rpmUndo{tool: tool, mark: j.stage, want: wantRPMs(chosen), changes: rpmChanges(before, after)}
	outcome := j.judgeRPMs(tool, out, printed, late)
	if outcome.Status == lab.Applied {
		for _, w := range undo.want {
			if !after.has(w.id, w.version) {
				outcome = failed(out.ExitCode, "%s reports success, but %s is there in version %s, want %s", tool, w.id, orNone(after.newest(w.id)), w.version)
				break
			}
		}
	}
	if outcome.Status == lab.Applied {
		outcome.Message = "installed " + namesOf(undo.want) + outcome.Message
	}
	outcome.Packages, outcome.Undo = undo.changes, undo
	return outcome, nil
}

// rpmInstall is the command that installs packages from their files.
func rpmInstall(tool string, chosen []rpmFile) string {
	var beside, instead []string
	for _, p := range chosen {
		if p.beside() {
			beside = append(beside, p.staged)
		} else {
			instead = append(instead, p.staged)
		}
	}
	all := append(append([]string{}, instead...), beside...)
	switch tool {
	case "zypper":
		return guest.Quote(append(zypperOptions("install"), all...)...)
	case "rpm":
		var steps []string
		if len(instead) > 0 {
			steps = append(steps, guest.Quote(append([]string{"rpm", "-Uv", "--"}, instead...)...))
		}
		if len(beside) > 0 {
			steps = append(steps, guest.Quote(append([]string{"rpm", "-iv", "--"}, beside...)...))
		}
		return "{ " + strings.Join(steps, " && ") + "; }"
	}
	return guest.Quote(append([]string{tool, "-y", "--disablerepo=*", "install"}, all...)...)
}

// zypperOptions keep zypper to the files it is given and let it ask nothing.
func zypperOptions(command string, more ...string) []string {
	options := []string{
		"zypper", "--non-interactive", "--no-refresh", "--no-remote", command,
		"--allow-unsigned-rpm", "--no-recommends", "--auto-agree-with-licenses",
	}
	return append(options, more...)
}

// rpmEnv lets the tools speak English, and zypper wait for its lock, in
// seconds, as the others do by themselves.
func rpmEnv() map[string]string {
	return map[string]string{"LC_ALL": "C", "ZYPP_LOCK_TIMEOUT": "300"}
}

func wantRPMs(chosen []rpmFile) (list []wantedRPM) {
	for _, p := range chosen {
		list = append(list, wantedRPM{p.id(), p.version})
	}
	return list
}

func namesOf(list []wantedRPM) string {
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = w.id + " " + w.version
	}
	return strings.Join(names, ", ")
}
