package patch

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// rpmWayBack is what has to be done to get back to the packages of before.
type rpmWayBack struct {
	old    []wantedRPM // that have to be there again, instead of a newer version
	beside []wantedRPM // that have to be there again, beside other versions
	remove []string    // "name-version.arch", that the patch brought beside what was there
}

// wayBack says what has to be done to undo changes.
func wayBack(changes []lab.PackageChange) (w rpmWayBack) {
	for _, c := range changes {
		from, to := strings.Fields(c.From), strings.Fields(c.To)
		several := len(from) > 1 || len(to) > 1
		for _, v := range from {
			switch {
			case slices.Contains(to, v):
			case several:
				w.beside = append(w.beside, wantedRPM{c.Name, v})
			default:
				w.old = append(w.old, wantedRPM{c.Name, v})
			}
		}
		for _, v := range to {
			if !slices.Contains(from, v) && (several || len(from) == 0) {
				w.remove = append(w.remove, longName(c.Name, v))
			}
		}
	}
	return w
}

// longName is "name-version-release.arch", without the epoch, as files of
// packages are called.
func longName(id, version string) string {
	dot := strings.LastIndexByte(id, '.')
	_, plain := cutEpoch(version)
	return id[:max(dot, 0)] + "-" + plain + id[max(dot, 0):]
}

// backoutRPM takes the packages out again: by undoing the transaction that dnf
// or yum made where that needs no package file, or the machine's own
// repositories may have it; otherwise by the packages that were there before,
// from the patch's bundle or the machine's cache. Without these there is no
// way back.
func backoutRPM(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	undo, ok := o.Undo.(rpmUndo)
	if !ok {
		return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: "it is not known what the patch changed"}, nil
	}
	if len(undo.changes) == 0 {
		return lab.BackoutOutcome{Status: lab.NotBackedOut, Message: "the patch changed no package"}, nil
	}
	before, err := j.rpmState(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	shell, why, err := j.rpmUndoing(ctx, undo)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	if shell == "" {
		return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: why}, nil
	}
	j.progress.Step("taking the packages out")
	out, printed, late, err := j.run(ctx, lab.Command{Shell: shell + " </dev/null", Env: rpmEnv()})
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	after, err := j.rpmState(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	result := lab.BackoutOutcome{Status: lab.TakenOut, ExitCode: out.ExitCode, Packages: rpmChanges(before, after)}
	done := j.judgeRPMs(undo.tool, out, printed, late)
	if done.Status != lab.Applied {
		result.Status, result.Message, result.ExitCode = lab.BackoutFailed, done.Message, done.ExitCode
		return result, nil
	}
	for _, c := range undo.changes {
		if there := strings.Join(after.packages[c.Name], " "); there != c.From {
			result.Status = lab.BackoutFailed
			result.Message = fmt.Sprintf("%s is there in version %s, it was %s before the patch", c.Name, orNone(there), orNone(c.From))
			return result, nil
		}
	}
	result.Message = "every package is as it was before the patch"
	return result, nil
}

// rpmUndoing is the command that takes the packages out, or why there is none.
func (j *job) rpmUndoing(ctx context.Context, undo rpmUndo) (shell, why string, err error) {
	back := wayBack(undo.changes)
	if undo.tool == "dnf" || undo.tool == "yum" {
		if len(back.old)+len(back.beside) == 0 || undo.own {
			id, err := j.transaction(ctx, undo)
			if err != nil {
				return "", "", err
			}
			if id != "" {
				return historyUndo(undo, id), "", nil
			}
		}
	}
	staged, missing, err := j.oldRPMs(ctx, slices.Concat(back.old, back.beside))
	if err != nil {
		return "", "", err
	}
	if len(missing) > 0 {
		return "", "the packages that were there before are neither in the patch's bundle nor in the machine's cache: " + strings.Join(missing, ", "), nil
	}
	return rpmReplace(undo.tool, staged, back), "", nil
}

func historyUndo(undo rpmUndo, id string) string {
	args := []string{undo.tool, "-y"}
	if !undo.own {
		args = append(args, "--disablerepo=*")
	}
	return guest.Quote(append(args, "history", "undo", id)...)
}

// rpmReplace is the command that gets back to older packages by their files.
// The tool that installed the patch does it where all is one step back;
// otherwise rpm does, first removing what the patch brought: the older
// packages are checked when they come back.
//
// Staged are the files of back.old and then of back.beside.
func rpmReplace(tool string, staged []string, back rpmWayBack) string {
	if len(back.remove)+len(back.beside) == 0 {
		switch tool {
		case "dnf", "yum":
			return guest.Quote(append([]string{tool, "-y", "--disablerepo=*", "downgrade"}, staged...)...)
		case "zypper":
			return guest.Quote(append(zypperOptions("install", "--oldpackage"), staged...)...)
		}
	}
	var steps []string
	if len(back.remove) > 0 {
		steps = append(steps, guest.Quote(append([]string{"rpm", "-ev", "--nodeps", "--"}, back.remove...)...))
	}
	old, beside := staged[:len(back.old)], staged[len(back.old):]
	if len(old) > 0 {
		steps = append(steps, guest.Quote(append([]string{"rpm", "-Uv", "--oldpackage", "--"}, old...)...))
	}
	if len(beside) > 0 {
		steps = append(steps, guest.Quote(append([]string{"rpm", "-iv", "--oldpackage", "--"}, beside...)...))
	}
	return "{ " + strings.Join(steps, " && ") + "; }"
}

// transactionID is in what dnf and yum say of a transaction.
var transactionID = regexp.MustCompile(`(?m)^Transaction ID\s*:\s*(\d+)`)

// transaction is the number of the transaction that the patch was, if it is
// the tool's last one; else empty.
func (j *job) transaction(ctx context.Context, undo rpmUndo) (string, error) {
	if undo.mark == "" {
		return "", nil
	}
	j.progress.Step("looking for the transaction")
	var stdout capture
	stdout.limit = 1 << 20
	shell := guest.Quote(undo.tool, "-q", "history", "info", "last") + " </dev/null"
	if _, err := j.guest.Run(ctx, lab.Command{Shell: shell, Stdout: &stdout, Env: rpmEnv(), Timeout: askLimit}); err != nil {
		return "", err
	}
	return findTransaction(stdout.text(), undo.mark), nil
}

// continued is where the tools break a long line of their tables.
var continued = regexp.MustCompile(`\n\s*:\s*|\s+`)

// findTransaction finds the number of the one transaction that text tells of,
// if mark is in it.
func findTransaction(text, mark string) string {
	ids := transactionID.FindAllStringSubmatch(text, -1)
	if len(ids) != 1 || !strings.Contains(continued.ReplaceAllString(text, " "), continued.ReplaceAllString(mark, " ")) {
		return ""
	}
	return ids[0][1]
}
