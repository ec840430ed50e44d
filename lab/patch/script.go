package patch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Exit codes by which a script says more than that it succeeded. On Linux,
// where they are 8 bits, 194 is what is left of Windows' 3010.
const (
	scriptApplied       = 0
	scriptNotApplicable = 77  // as tests of automake say it
	scriptReboot        = 194 // applied; a reboot is needed
)

// windowsReboot are the exit codes of Windows for the same as scriptReboot.
var windowsReboot = []int{3010, 1641}

// applyScript runs the patch's script as root (SYSTEM's equal on Windows), in
// the folder where it was staged with its files beside it as they lie on the
// host. It is run by the patch's interpreter, else by the one that its first
// line names, else by /bin/sh; on Windows by its extension. Exit code 0 means
// applied, 77 that there is nothing for this machine in it, 194 (on Windows
// 3010 and 1641 too) applied, but a reboot is needed; all else failed.
func applyScript(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	before, err := j.software(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	shell, err := j.stageScript(ctx, j.patch)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	j.progress.Step("running " + filepath.Base(j.patch.Script))
	out, printed, late, err := j.run(ctx, lab.Command{Shell: shell})
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	after, err := j.software(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	outcome := lab.PatchOutcome{Status: lab.Applied, ExitCode: out.ExitCode}
	switch {
	case late:
		outcome = failed(-1, "%s", j.lateMessage(printed))
	case out.Signal != "":
		outcome = failed(out.ExitCode, "the script was killed by signal %s%s", out.Signal, suffix(printed))
	case out.ExitCode == scriptApplied:
		outcome.Message = "the script exited with 0"
	case out.ExitCode == scriptNotApplicable:
		outcome.Status = lab.NotApplicable
		outcome.Message = "the script says, by exit code 77, that it is not for this machine" + suffix(printed)
	case j.asksForReboot(out.ExitCode):
		outcome.RebootNeeded = true
		outcome.Message = fmt.Sprintf("the script exited with %d: it asks for a reboot", out.ExitCode)
	default:
		outcome = failed(out.ExitCode, "the script exited with %d%s", out.ExitCode, suffix(printed))
	}
	outcome.Packages = before.changes(after)
	return outcome, nil
}

func (j *job) asksForReboot(code int) bool {
	return code == scriptReboot || osOf(j.guest.Machine()) == lab.Windows && slices.Contains(windowsReboot, code)
}

// stageScript uploads the script of p with its files beside it, and returns
// the command that runs it there.
func (j *job) stageScript(ctx context.Context, p *lab.Patch) (shell string, err error) {
	names, err := relativeNames(p)
	if err != nil {
		return "", err
	}
	interpreted, err := hasShebang(p.Script)
	if err != nil {
		return "", &lab.HostError{Op: "read " + p.Script, Err: err}
	}
	if err := j.makeStage(ctx); err != nil {
		return "", err
	}
	for _, src := range allFiles(p) {
		if _, err := j.upload(ctx, src, names[src], src == p.Script || isExecutable(src)); err != nil {
			return "", err
		}
	}
	name := names[p.Script]
	slash := strings.LastIndexByte(name, '/')
	folder, base := j.stage, name[slash+1:]
	if slash >= 0 {
		folder = j.staging.path(j.stage, name[:slash])
	}
	if osOf(j.guest.Machine()) == lab.Windows {
		return windowsCommand(folder, base, p), nil
	}
	return linuxCommand(folder, base, p, interpreted), nil
}

// confirmScript runs the command by which the patch says it is confirmed.
// Without one the script's exit code is all there is to go by.
func confirmScript(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	if j.patch.Confirm == "" {
		return true, fmt.Sprintf("the script exited with %d; the patch names no command that confirms it", o.ExitCode), nil
	}
	out, printed, late, err := j.run(ctx, lab.Command{Shell: j.patch.Confirm})
	switch {
	case err != nil:
		return false, "", err
	case late:
		return false, "the command that confirms it " + j.lateMessage(printed), nil
	case out.Signal != "":
		return false, "the command that confirms it was killed by signal " + out.Signal + suffix(printed), nil
	}
	return out.ExitCode == 0, fmt.Sprintf("the command that confirms it exited with %d%s", out.ExitCode, suffix(printed)), nil
}

// backoutScript runs the script that the patch has for taking it out, staged
// and run as the patch's own.
func backoutScript(ctx context.Context, j *job, _ lab.PatchOutcome) (lab.BackoutOutcome, error) {
	if j.patch.Backout == nil || j.patch.Backout.Script == "" {
		return lab.BackoutOutcome{
			Status:  lab.CannotTakeOut,
			Message: "a script has no way back unless the patch says backout { script = … }",
		}, nil
	}
	p := *j.patch
	p.Script, p.Args = j.patch.Backout.Script, j.patch.Backout.Args
	if shebang, err := hasShebang(p.Script); err == nil && shebang {
		p.Interpreter = nil
	}
	before, err := j.software(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	shell, err := j.stageScript(ctx, &p)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	j.progress.Step("running " + filepath.Base(p.Script))
	out, printed, late, err := j.run(ctx, lab.Command{Shell: shell})
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	after, err := j.software(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	result := lab.BackoutOutcome{Status: lab.TakenOut, ExitCode: out.ExitCode, Packages: before.changes(after)}
	switch {
	case late:
		result.Status, result.ExitCode, result.Message = lab.BackoutFailed, -1, "the back-out script "+j.lateMessage(printed)
	case out.Signal != "":
		result.Status, result.Message = lab.BackoutFailed, "the back-out script was killed by signal "+out.Signal+suffix(printed)
	case out.ExitCode == 0, j.asksForReboot(out.ExitCode):
		result.Message = fmt.Sprintf("the back-out script exited with %d", out.ExitCode)
	default:
		result.Status = lab.BackoutFailed
		result.Message = fmt.Sprintf("the back-out script exited with %d%s", out.ExitCode, suffix(printed))
	}
	return result, nil
}

// suffix is the last line of what was printed, to follow a message.
func suffix(printed string) string {
	if l := lastLine(printed); l != "" {
		return fmt.Sprintf(": %s", l)
	}
	return ""
}

// hasShebang reports whether the file begins with "#!".
func hasShebang(name string) (bool, error) {
	b, err := firstBytes(name, 2)
	return bytes.Equal(b, []byte("#!")), err
}

// firstBytes returns up to n bytes from the beginning of a file.
func firstBytes(name string, n int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, n))
}

func isExecutable(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode()&0o100 != 0
}
