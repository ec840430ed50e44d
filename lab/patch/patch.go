// Package patch stages and applies patches on machines, one implementation
// for each kind, and says what came of it. It also recognises a patch that
// just arrived as a file or a folder, and pins a patch by the bytes of its
// files.
//
// It does not decide which machines are patched when, or whether a patch is
// good (package lab).
package patch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// stageRoot is where patches wait on a machine: on its disk, readable by root
// alone, removed afterwards.
const stageRoot = "/var/lib/patchlab-stage"

const (
	askLimit   = 5 * time.Minute // for a question about packages to an emulated machine
	cleanLimit = time.Minute     // for removing what was staged
)

// Applier applies patches. It implements lab.Patcher. The zero Applier is
// ready to use; its methods may be called at the same time.
type Applier struct {
	// Redact takes secrets out of text before it is cut; nil: there are none.
	Redact func(string) string
}

var _ lab.Patcher = Applier{}

// apply is one kind's way of applying a staged patch.
type apply func(ctx context.Context, j *job) (lab.PatchOutcome, error)

// kind is the table of kinds; nil for one that is not known.
func kind(k lab.PatchKind) apply {
	switch k {
	case lab.PatchDeb:
		return applyDebs
	case lab.PatchScript:
		return applyScript
	}
	return nil
}

// job is one patch on one machine.
type job struct {
	patch    *lab.Patch
	guest    lab.Guest
	log      io.Writer
	progress lab.Progress
	stage    string // folder on the machine
	redact   func(string) string
	started  bool // the patch itself was begun
}

// Apply stages p on g, applies it and removes what was staged. See
// lab.Patcher. Log may be nil.
func (a Applier) Apply(ctx context.Context, p *lab.Patch, g lab.Guest, log io.Writer, pr lab.Progress) (out lab.PatchOutcome, err error) {
	if log == nil {
		log = io.Discard
	}
	do := kind(p.Kind)
	if do == nil {
		return out, fmt.Errorf("cannot apply patch %q: this version knows no patch of kind %q", p.Name, p.Kind)
	}
	j := &job{patch: p, guest: g, log: log, progress: lab.Quiet(pr), stage: path.Join(stageRoot, rand.Text()), redact: a.Redact}
	if j.redact == nil {
		j.redact = func(s string) string { return s }
	}
	defer j.clean(ctx)
	out, err = do(ctx, j)
	out.Message = lab.Printable(j.redact(out.Message), 400)
	out.Started = j.started
	return out, err
}

// clean removes the stage, also after an interrupt. That it could not is told
// to the log alone: the patch's outcome does not depend on it.
func (j *job) clean(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
	defer cancel()
	shell := "rm -rf -- " + guest.Quote(j.stage) + " && { rmdir " + guest.Quote(stageRoot) + " 2>/dev/null; :; }"
	out, err := j.guest.Run(ctx, lab.Command{Shell: shell, Timeout: cleanLimit})
	if err != nil || out.ExitCode != 0 {
		fmt.Fprintf(j.log, "patchlab: cannot remove %s: exit code %d, %v\n", j.stage, out.ExitCode, err)
	}
}

// makeStage makes the folder that only root may enter.
func (j *job) makeStage(ctx context.Context) error {
	_, err := j.ask(ctx, "umask 077 && mkdir -p -- "+guest.Quote(j.stage))
	return err
}

// upload puts a file of the patch into the stage under name.
func (j *job) upload(ctx context.Context, src, name string, executable bool) (staged string, err error) {
	staged = path.Join(j.stage, name)
	j.progress.Step("uploading " + path.Base(name))
	if executable {
		return staged, j.guest.Upload(ctx, src, staged, 0o755, j.progress)
	}
	return staged, j.guest.Upload(ctx, src, staged, 0o644, j.progress)
}

// ask runs a short command that must exit with 0 and returns its stdout,
// whole. That it does not is the machine's fault.
func (j *job) ask(ctx context.Context, shell string) (string, error) {
	var stdout capture
	stdout.limit = 8 << 20
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

// Confirm implements lab.Patcher.
func (Applier) Confirm(context.Context, *lab.Patch, lab.Guest, lab.PatchOutcome) (in bool, message string, err error) {
	return true, "", nil
}

// Stale implements lab.Patcher.
func (Applier) Stale(context.Context, lab.Guest) ([]string, error) { return nil, nil }

// Backout implements lab.Patcher.
func (Applier) Backout(context.Context, *lab.Patch, lab.Guest, lab.PatchOutcome, io.Writer, lab.Progress) (lab.BackoutOutcome, error) {
	return lab.BackoutOutcome{Status: lab.CannotTakeOut}, nil
}
