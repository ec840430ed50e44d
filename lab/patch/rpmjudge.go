package patch

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// judgeRPMs says what came of a tool's work by its exit code and by what it
// printed. Of a success the message is what is to be added to it.
func (j *job) judgeRPMs(tool string, out lab.Output, printed string, late bool) lab.PatchOutcome {
	switch {
	case late:
		return failed(-1, "%s", j.lateMessage(printed))
	case out.Signal != "":
		return failed(out.ExitCode, "%s was killed by signal %s: %s", tool, out.Signal, rpmCause(tool, printed))
	}
	good := lab.PatchOutcome{Status: lab.Applied, ExitCode: out.ExitCode}
	switch {
	case out.ExitCode == 0:
	case tool == "zypper" && out.ExitCode == zypperReboot:
		good.RebootNeeded = true
	case tool == "zypper" && out.ExitCode == zypperRestart:
		good.Message = "; zypper itself was replaced and asks to be run again"
	case tool == "zypper" && out.ExitCode == zypperSkipped:
		good.Message = "; zypper left out repositories that it could not read"
	default:
		return failed(out.ExitCode, "%s", strings.TrimPrefix(exitMeaning(tool, out.ExitCode)+": "+rpmCause(tool, printed), ": "))
	}
	if script := scriptletFailure(printed); script != "" {
		return failed(out.ExitCode, "%s reports success, but a script of a package failed: %s", tool, script)
	}
	return good
}

// Exit codes of zypper that are no failure. See zypper(8).
const (
	zypperReboot  = 102
	zypperRestart = 103
	zypperSkipped = 106
)

// exitMeaning says what an exit code means where the tool's manual says it;
// else it is empty. rpm's manual says that it counts failures, which it does not
// always.
func exitMeaning(tool string, code int) string {
	meanings := map[string]map[int]string{
		"zypper": {
			4: "zypper cannot resolve the packages' dependencies or another fault of its library", 5: "zypper has no right to install",
			6: "zypper has no repositories", 7: "zypper is locked by another program", 8: "zypper failed while it installed or removed packages",
			104: "zypper finds no such package", 105: "zypper was interrupted", 107: "the packages are in, but a script of theirs failed",
		},
		"dnf": {3: "dnf failed", 200: "dnf is locked by another program"},
	}
	return meanings[tool][code]
}

// confirmRPM looks whether every package is there, in its version or a newer
// one.
func confirmRPM(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	undo, ok := o.Undo.(rpmUndo)
	if !ok || len(undo.want) == 0 {
		return false, "it is not known which packages had to be there", nil
	}
	st, err := j.rpmState(ctx)
	if err != nil {
		return false, "", err
	}
	var seen []string
	for _, w := range undo.want {
		there := st.newest(w.id)
		switch {
		case there == "":
			return false, fmt.Sprintf("%s is not installed, want %s", w.id, w.version), nil
		case !st.has(w.id, w.version) && compareRPM(there, w.version) < 0:
			return false, fmt.Sprintf("%s is there in version %s, want %s", w.id, there, w.version), nil
		}
		seen = append(seen, w.id+" "+there)
	}
	return true, "rpm has " + strings.Join(seen, ", "), nil
}
