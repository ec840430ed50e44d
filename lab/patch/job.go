package patch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// job is one patch on one machine.
type job struct {
	patch    *lab.Patch
	guest    lab.Guest
	log      io.Writer
	progress lab.Progress
	staging  staging
	stage    string // folder on the machine, as its shell says it
	redact   func(string) string
	staged   bool // the stage was begun: it has to be removed
	started  bool // the patch itself was begun
}

// job makes the job of p on g. Log and pr may be nil.
func (a Applier) job(p *lab.Patch, g lab.Guest, log io.Writer, pr lab.Progress) *job {
	s := stagingOn(g.Machine())
	j := &job{patch: p, guest: g, log: log, progress: lab.Quiet(pr), staging: s, stage: s.path(s.root, rand.Text()), redact: a.Redact}
	if j.log == nil {
		j.log = io.Discard
	}
	if j.redact == nil {
		j.redact = func(s string) string { return s }
	}
	return j
}

// printable makes a harmless message of text that may hold what the machine
// said.
func (j *job) printable(text string) string { return lab.Printable(j.redact(text), messageLimit) }

// clean removes the stage, if there is one, also after an interrupt; after an
// error, which mostly says that the machine is out of reach, it does not wait
// long. That it could not is told to the log alone: the patch's outcome does
// not depend on it.
func (j *job) clean(ctx context.Context, after error) {
	if !j.staged {
		return
	}
	limit := cleanLimit
	if after != nil {
		limit = lostLimit
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	out, err := j.guest.Run(ctx, lab.Command{Shell: j.staging.remove(j.stage), Timeout: limit})
	if err != nil || out.ExitCode != 0 {
		fmt.Fprintf(j.log, "patchlab: cannot remove %s: exit code %d, %v\n", j.stage, out.ExitCode, err)
	}
}

// makeStage makes the folder that only root (SYSTEM) may enter.
func (j *job) makeStage(ctx context.Context) error {
	j.staged = true
	_, err := j.ask(ctx, j.staging.make(j.stage))
	return err
}

// upload puts a file of the patch into the stage under name, a relative path
// with slashes, and returns where it is, as the machine's shell says it.
func (j *job) upload(ctx context.Context, src, name string, executable bool) (staged string, err error) {
	staged = j.staging.path(j.stage, name)
	j.progress.Step("uploading " + path.Base(name))
	mode := fs.FileMode(0o644)
	if executable {
		mode = 0o755
	}
	return staged, j.guest.Upload(ctx, src, j.staging.remote(staged), mode, j.progress)
}

// ask runs a short command that must exit with 0 and returns its stdout,
// whole. That it does not is the machine's fault.
func (j *job) ask(ctx context.Context, shell string) (string, error) {
	return j.askUpTo(ctx, shell, 8<<20)
}

// askUpTo is ask for an answer of at most limit bytes.
func (j *job) askUpTo(ctx context.Context, shell string, limit int) (string, error) {
	stdout := capture{limit: limit}
	out, err := j.guest.Run(ctx, lab.Command{
		Shell: shell, Stdout: &stdout, Timeout: askLimit, Env: map[string]string{"LC_ALL": "C"},
	})
	switch {
	case err != nil:
		return "", err
	case out.ExitCode != 0:
		err = fmt.Errorf("exit code %d: %s", out.ExitCode, lab.Printable(lastLine(string(out.Stderr)), 200))
	case stdout.cut:
		err = fmt.Errorf("its answer is longer than %d bytes", stdout.limit)
	default:
		return stdout.text(), nil
	}
	return "", &lab.GuestError{Machine: j.guest.Machine().Name, Op: "prepare the patch on", Err: err, Tail: string(out.Stderr)}
}

// run runs the patch itself. Everything it prints goes to the log. A patch
// that does not end in time is no error but late, its processes killed.
func (j *job) run(ctx context.Context, c lab.Command) (out lab.Output, printed string, late bool, err error) {
	j.started = true
	c.Timeout = j.patch.Timeout
	both := &capture{to: j.log, limit: 1 << 20, keepEnd: true}
	c.Stdout, c.Stderr = both, both
	out, err = j.guest.Run(ctx, c)
	if _, timeout := errors.AsType[*guest.TimeoutError](err); timeout && ctx.Err() == nil {
		return out, j.redact(both.text()), true, nil
	}
	return out, j.redact(both.text()), false, err
}

// lateMessage is why a patch that did not end in time failed.
func (j *job) lateMessage(printed string) string {
	message := fmt.Sprintf("did not finish within %s and was killed", j.patch.Timeout)
	if line := lastLine(printed); line != "" {
		message += "; its last output: " + line
	}
	return message
}

// failed is the outcome of a patch that the machine refused.
func failed(exitCode int, format string, args ...any) lab.PatchOutcome {
	return lab.PatchOutcome{Status: lab.PatchFailed, ExitCode: exitCode, Message: fmt.Sprintf(format, args...)}
}
