package patch

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// programUndo is what confirming a Windows installer and taking it out need.
type programUndo struct {
	added   []installedProgram // new in the list of programs
	changed []installedProgram // in another version than before
}

type installedProgram struct {
	key     string // in the list of programs
	was     string // version before
	product        // now
}

const shell = `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`

// applyEXE runs the first file with the patch's arguments, with the others
// beside it. Only it is waited for, not what it leaves running; where that
// installs, the patch needs arguments that make it wait.
func applyEXE(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	staged, err := j.windowsStage(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	run := slices.IndexFunc(staged, func(s string) bool { return strings.EqualFold(filepath.Ext(s), ".exe") })
	if run < 0 {
		return failed(-1, "none of its files is a program"), nil
	}
	before, err := j.products(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	p := program{name: filepath.Base(j.patch.Files[run]), file: staged[run], arguments: windowsArguments(j.patch.Args)}
	e, err := j.installWindows(ctx, p)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	after, err := j.products(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	o := j.endOutcome(p, e)
	o.Packages = after.changes(before)
	undo := programChanges(before, after)
	o.Undo = undo
	return o, nil
}

// programChanges compares the lists of programs.
func programChanges(before, after products) (undo programUndo) {
	for key, is := range after.programs {
		was, had := before.programs[key]
		p := installedProgram{key: key, was: was.version, product: is}
		switch {
		case !had:
			undo.added = append(undo.added, p)
		case was.version != is.version:
			undo.changed = append(undo.changed, p)
		}
	}
	byKey := func(a, b installedProgram) int { return strings.Compare(a.key, b.key) }
	slices.SortFunc(undo.added, byKey)
	slices.SortFunc(undo.changed, byKey)
	return undo
}

// confirmEXE runs the command that the patch has for it; else it looks for
// what the installer changed in the list of programs. Where it changed
// nothing there, its exit code is all there is, which the message says.
func confirmEXE(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	if j.patch.Confirm != "" {
		out, err := j.guest.Run(ctx, lab.Command{Shell: j.patch.Confirm, Timeout: askLimit})
		if err != nil {
			return false, "", err
		}
		return out.ExitCode == 0, fmt.Sprintf("the command that confirms it exited with %d%s", out.ExitCode, suffix(string(out.Stdout))), nil
	}
	undo, _ := o.Undo.(programUndo)
	now, err := j.products(ctx)
	if err != nil {
		return false, "", err
	}
	var seen []string
	for _, p := range slices.Concat(undo.added, undo.changed) {
		is, has := now.programs[p.key]
		if !has || is.version != p.version {
			return false, fmt.Sprintf("%s is %s, not %s", p.label(p.key), orNone(presence(is, has)), presence(p.product, true)), nil
		}
		seen = append(seen, strings.TrimSpace(p.label(p.key)+" "+p.version))
	}
	if len(seen) == 0 {
		return true, "nothing in the list of programs tells of it: only its exit code says that it is in (confirm = can check)", nil
	}
	return true, "installed: " + strings.Join(seen, ", "), nil
}

// backoutEXE runs the patch's script for it; else what the installer entered
// in the list of programs for a quiet removal.
func backoutEXE(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error) {
	undo, _ := o.Undo.(programUndo)
	if err := j.makeStage(ctx); err != nil {
		return lab.BackoutOutcome{}, err
	}
	p, cannot, err := j.programBackout(ctx, undo)
	if err != nil || cannot != "" {
		return lab.BackoutOutcome{Status: lab.CannotTakeOut, Message: cannot}, err
	}
	before, err := j.products(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	e, err := j.installWindows(ctx, p)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	after, err := j.products(ctx)
	if err != nil {
		return lab.BackoutOutcome{}, err
	}
	b := j.endBackout(p, e)
	b.Packages = after.changes(before)
	for _, added := range undo.added {
		if _, has := after.programs[added.key]; has && b.Status == lab.TakenOut {
			b.Status, b.Message = lab.BackoutFailed, p.name+" reports success, but "+added.label(added.key)+" is still installed"
		}
	}
	return b, nil
}

// programBackout is what takes the patch out, or why nothing can.
func (j *job) programBackout(ctx context.Context, undo programUndo) (p program, cannot string, err error) {
	if j.patch.Backout != nil && j.patch.Backout.Script != "" {
		script := j.patch.Backout.Script
		staged, err := j.upload(ctx, script, windowsName(script), false)
		args := windowsArguments(j.patch.Backout.Args)
		p := program{name: filepath.Base(script), file: staged, arguments: args}
		if !strings.EqualFold(filepath.Ext(script), ".exe") {
			p.file, p.arguments = shell, `-NoProfile -NonInteractive -ExecutionPolicy Bypass -File "`+staged+`" `+args
		}
		return p, "", err
	}
	switch {
	case len(undo.changed) > 0:
		c := undo.changed[0]
		return p, fmt.Sprintf("%s was %s before, which uninstalling it does not bring back", c.label(c.key), orNone(c.was)), nil
	case len(undo.added) != 1:
		return p, fmt.Sprintf("it made %d new entries in the list of programs, and has no script for taking it out", len(undo.added)), nil
	}
	added := undo.added[0]
	if productCode.MatchString(added.key) && len(added.key) == 38 {
		return j.msiProgram("/x "+added.key, nil), "", nil
	}
	if added.uninstall == "" {
		return p, added.label(added.key) + " has no command for a quiet removal, and the patch no script for it", nil
	}
	// The command is one line that names its program in its own way. It is the
	// machine's own, and runs there as a user's click on "uninstall" would.
	return program{
		name: "the removal of " + added.label(added.key), file: shell,
		arguments: `-NoProfile -NonInteractive -EncodedCommand ` + guest.EncodePS(
			"$p = Start-Process -FilePath $env:ComSpec -ArgumentList ('/d /s /c \"' + "+guest.QuotePS(added.uninstall)+" + '\"') -PassThru -WindowStyle Hidden\n"+
				"$null = $p.Handle\n$p.WaitForExit()\nexit $p.ExitCode\n"),
	}, "", nil
}
