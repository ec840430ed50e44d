package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pkg/sftp"

	"github.com/patchlab/patchlab/lab"
)

// Upload copies a file or a directory to the machine. See lab.Guest. Every
// file is written beside its place, verified there, and then takes its place;
// nothing is replaced before all files have arrived. Of a directory, each
// file gets mode, with execute bits where the source has one; what dst holds
// already stays, but for files of the same name. Symbolic links are followed
// to files. A source that cannot be read is a *lab.HostError.
func (g *Guest) Upload(ctx context.Context, src, dst string, mode fs.FileMode, p lab.Progress) error {
	d, err := g.dialect()
	if err != nil {
		return err
	}
	to, ok := d.remotePath(dst)
	if !ok {
		return fmt.Errorf("cannot upload %s: %q is no absolute path on machine %q", src, dst, g.cfg.Machine.Name)
	}
	plan, err := planTransfer(src, to, mode.Perm())
	if err != nil {
		return &lab.HostError{Op: "read " + src, Err: err}
	}
	plan.guest, plan.dialect, plan.progress = g, d, lab.Quiet(p)
	if err := plan.carryOut(ctx); err != nil {
		return g.blame(ctx, "upload "+dst+" to", err)
	}
	return nil
}

// carryOut does all steps of the transfer, and undoes them on failure.
func (t *transfer) carryOut(ctx context.Context) (err error) {
	release, err := acquire(ctx, t.guest.uploads)
	if err != nil {
		return err
	}
	defer release()
	l, err := t.guest.reach(ctx)
	if err != nil {
		return err
	}
	t.files, err = l.files(ctx)
	if err != nil {
		return err
	}
	// SFTP knows no context: closing its session ends what is under way.
	stop := context.AfterFunc(ctx, func() { _ = t.files.Close() })
	defer func() {
		if err != nil && ctx.Err() == nil && !l.answers() {
			err = l.err()
		}
		if !stop() {
			t.tidy(context.WithoutCancel(ctx))
			return
		}
		if err != nil {
			t.removeTemporary()
		}
		_ = t.files.Close()
	}()
	for _, step := range []func(context.Context) error{t.makeFolders, t.write, t.verify, t.place} {
		if err := step(ctx); err != nil {
			return plainFile(err)
		}
	}
	return nil
}

// tidy removes the temporary files of an interrupted transfer by a command:
// its own session is gone.
func (t *transfer) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, killLimit)
	defer cancel()
	l, err := t.guest.current()
	if l == nil || err != nil {
		return
	}
	var paths []string
	for _, f := range t.items {
		paths = append(paths, f.temporary)
	}
	line, stdin := t.dialect.remove(paths)
	if err := t.guest.kill(ctx, l, line, stdin); err != nil {
		t.guest.cfg.Log.Warn("cannot remove temporary files on the machine", "error", err)
	}
}

// removeTemporary removes what was not placed; errors are of no use here.
func (t *transfer) removeTemporary() {
	for _, f := range t.items {
		_ = t.files.Remove(f.temporary)
	}
}

// plainFile makes the text of the machine's SFTP errors safe to print.
func plainFile(err error) error {
	if e, ok := errors.AsType[*sftp.StatusError](err); ok {
		return errors.New(lab.Printable(strings.ReplaceAll(err.Error(), e.Error(), statusText(e)), 300))
	}
	return plain(err)
}

// statusText is shorter than the library's: `sftp: "Failure" (SSH_FX_FAILURE)`.
func statusText(e *sftp.StatusError) string {
	if e.FxCode() == sftp.ErrSSHFxFailure {
		return "the machine refused it (is its disk full or read-only?)"
	}
	return strings.TrimPrefix(e.Error(), "sftp: ")
}
