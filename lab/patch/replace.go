package patch

import (
	"context"
	"crypto/rand"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// keepRoot is where replaced files are kept on a machine, for the way back:
// readable by root alone.
const keepRoot = "/var/lib/patchlab/backout"

// replaceUndo is what is needed to confirm replaced files and to put the old
// ones back.
type replaceUndo struct {
	keep  string // folder on the machine
	files []replaced
}

// replaced is one file of a patch that replaces files.
type replaced struct {
	dest string    // as the patch says it
	real string    // where dest leads to
	had  fileFacts // before
	want fileFacts
}

// applyFiles puts the patch's files in the place of those on the machine, and
// restarts services. Each file appears whole or not at all, and one that
// cannot be put in place leaves all as they were. What a symbolic link leads
// to is replaced, not the link. Owner and mode of a replaced file stay unless
// the patch says otherwise, as do its access control list and the like; file
// capabilities are lost, as they are whenever a file is written. SELinux
// labels are set by restorecon where it is there.
//
// The old files are kept on the machine, below keepRoot.
func applyFiles(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	if osOf(j.guest.Machine()) != lab.Linux {
		return lab.PatchOutcome{Status: lab.NotApplicable, Message: "files are replaced on Linux machines alone"}, nil
	}
	files, outcome, err := j.planFiles(ctx)
	if err != nil || outcome != nil {
		return value(outcome), err
	}
	undo := replaceUndo{keep: path.Join(keepRoot, rand.Text()), files: files}
	if misplaced(files) == "" {
		return lab.PatchOutcome{Status: lab.AlreadyInstalled, Message: "every file is there with the same content, owner and mode", Undo: undo}, nil
	}
	if err := j.makeStage(ctx); err != nil {
		return lab.PatchOutcome{}, err
	}
	staged := make([]string, len(files))
	for i, r := range j.patch.Replace {
		if staged[i], err = j.upload(ctx, r.Source, fmt.Sprintf("%03d_%s", i+1, filepath.Base(r.Source)), false); err != nil {
			return lab.PatchOutcome{}, err
		}
	}
	j.progress.Step(fmt.Sprintf("replacing %d files", len(files)))
	failure, err := j.change(ctx, installFiles(undo.keep, staged, files))
	if err == nil && failure == nil {
		failure, err = j.restart(ctx)
	}
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	if failure != nil {
		failure.Undo = undo
		return *failure, nil
	}
	return lab.PatchOutcome{Status: lab.Applied, Message: "replaced " + describeFiles(files), Undo: undo}, nil
}

// planFiles looks at what there is on the machine and says what there should
// be. An outcome means that a file cannot be replaced.
func (j *job) planFiles(ctx context.Context) ([]replaced, *lab.PatchOutcome, error) {
	var files []replaced
	for _, r := range j.patch.Replace {
		if !path.IsAbs(r.Dest) || path.Clean(r.Dest) != r.Dest || strings.ContainsAny(r.Dest, "\n\x00") {
			o := failed(0, "%q is no plain absolute path", r.Dest)
			return nil, &o, nil
		}
		files = append(files, replaced{dest: r.Dest, real: r.Dest})
	}
	if len(files) == 0 {
		o := failed(0, "the patch replaces no file")
		return nil, &o, nil
	}
	if err := j.look(ctx, files, func(f *replaced, leads string, facts fileFacts) { f.real, f.had = leads, facts }); err != nil {
		return nil, nil, err
	}
	for i := range files {
		f := &files[i]
		if why := f.had.obstacle(); why != "" {
			o := failed(0, "cannot replace %s: %s", f.dest, why)
			return nil, &o, nil
		}
		if slices.ContainsFunc(files[:i], func(other replaced) bool { return other.real == f.real }) {
			o := failed(0, "the patch has two files for %s", f.real)
			return nil, &o, nil
		}
		var err error
		if f.want, err = wantedFacts(j.patch.Replace[i], f.had); err != nil {
			return nil, nil, &lab.HostError{Op: "read " + j.patch.Replace[i].Source, Err: err}
		}
	}
	return files, nil, nil
}

// change runs a script that changes files. An outcome says why it failed.
func (j *job) change(ctx context.Context, script string) (*lab.PatchOutcome, error) {
	out, printed, late, err := j.run(ctx, lab.Command{Shell: script, Env: map[string]string{"LC_ALL": "C"}})
	var o lab.PatchOutcome
	switch {
	case err != nil:
		return nil, err
	case late:
		o = failed(-1, "%s", j.lateMessage(printed))
	case out.Signal != "":
		o = failed(out.ExitCode, "it was killed by signal %s%s", out.Signal, suffix(printed))
	case out.ExitCode == exitPutBack:
		o = failed(out.ExitCode, "a file could not be replaced, and not all could be put back%s", suffix(printed))
	case out.ExitCode != 0:
		o = failed(out.ExitCode, "a file could not be replaced, and all were left as they were%s", suffix(printed))
	default:
		return nil, nil
	}
	return &o, nil
}

// misplaced is the first file that is not as it should be, and why; empty when
// all are.
func misplaced(files []replaced) string {
	for _, f := range files {
		if why := f.had.differs(f.want); why != "" {
			return f.dest + " " + why
		}
	}
	return ""
}

// describeFiles names what was replaced, and where a link led.
func describeFiles(files []replaced) string {
	var list []string
	for _, f := range files {
		text := f.dest
		if f.real != f.dest {
			text += " (a link to " + f.real + ")"
		}
		if f.had.kind == fileAbsent {
			text += " (new)"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// confirmFiles looks whether every file is as the patch has it.
func confirmFiles(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	undo, ok := o.Undo.(replaceUndo)
	if !ok {
		return false, "it is not known which files had to be there", nil
	}
	now := slices.Clone(undo.files)
	if err := j.look(ctx, now, func(f *replaced, _ string, facts fileFacts) { f.had = facts }); err != nil {
		return false, "", err
	}
	if why := misplaced(now); why != "" {
		return false, why, nil
	}
	return true, fmt.Sprintf("all %d files have the patch's content, owner and mode", len(now)), nil
}
