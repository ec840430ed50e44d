package patch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// applyScript runs the patch's script as root, in the folder where it was
// staged with its files beside it as they lie on the host. Its first line
// names its interpreter; without one it is run by /bin/sh. Exit code 0 means
// applied.
func applyScript(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	names, err := relativeNames(j.patch)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	interpreted, err := hasShebang(j.patch.Script)
	if err != nil {
		return lab.PatchOutcome{}, &lab.HostError{Op: "read " + j.patch.Script, Err: err}
	}
	before, err := j.state(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	if err := j.makeStage(ctx); err != nil {
		return lab.PatchOutcome{}, err
	}
	for _, src := range allFiles(j.patch) {
		if _, err := j.upload(ctx, src, names[src], src == j.patch.Script || isExecutable(src)); err != nil {
			return lab.PatchOutcome{}, err
		}
	}
	return j.runScript(ctx, path.Join(j.stage, names[j.patch.Script]), interpreted, before)
}

func (j *job) runScript(ctx context.Context, staged string, interpreted bool, before state) (lab.PatchOutcome, error) {
	argv := append([]string{"./" + path.Base(staged)}, j.patch.Args...)
	if !interpreted {
		argv = append([]string{"/bin/sh"}, argv...)
	}
	shell := "cd " + guest.Quote(path.Dir(staged)) + " && exec " + guest.Quote(argv...) + " </dev/null"
	j.progress.Step("running " + path.Base(staged))
	out, printed, late, err := j.run(ctx, lab.Command{Shell: shell})
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	after, err := j.state(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	outcome := lab.PatchOutcome{Status: lab.Applied, Message: "the script exited with 0"}
	switch {
	case late:
		outcome = failed(-1, "%s", j.lateMessage(printed))
	case out.Signal != "":
		outcome = failed(out.ExitCode, "the script was killed by signal %s%s", out.Signal, suffix(printed))
	case out.ExitCode != 0:
		outcome = failed(out.ExitCode, "the script exited with %d%s", out.ExitCode, suffix(printed))
	}
	outcome.Packages = changes(before, after)
	return outcome, nil
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
