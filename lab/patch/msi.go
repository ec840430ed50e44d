package patch

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

const msiexec = `C:\Windows\System32\msiexec.exe`

// productUndo is what confirming a product of the Windows Installer and
// taking it out need, for each file that was applied.
type productUndo struct {
	code     string // product code
	name     string
	version  string
	replaced string // the product, or the version of it, that made way; empty: none
}

// applyMSI installs the files one after the other. One whose product is there
// in the very version counts as installed; in another, Windows is told to
// replace the files.
func applyMSI(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	var undos []productUndo
	o, err := j.eachProduct(ctx, func(file string, before products) (lab.PatchOutcome, error) {
		about, err := j.aboutProduct(ctx, file)
		if err != nil {
			return lab.PatchOutcome{}, err
		}
		if len(codesIn(about.code)) != 1 {
			return failed(-1, "%s is no package that the Windows Installer can read", file), nil
		}
		there, had := before.installed[about.code]
		if had && there.version == about.version {
			undos = append(undos, about)
			return lab.PatchOutcome{Status: lab.AlreadyInstalled, Message: about.name + " " + about.version + " is installed already"}, nil
		}
		args := j.patch.Args
		if had {
			about.replaced = there.name + " " + there.version
			args = append([]string{"REINSTALL=ALL", "REINSTALLMODE=vomus"}, args...)
		}
		o, after, err := j.msiexec(ctx, "/i \""+file+"\"", args)
		if err != nil || o.Status != lab.Applied {
			return o, err
		}
		if is, has := after.installed[about.code]; !has || is.version != about.version {
			return failed(o.ExitCode, "%s, but %s %s is not installed", o.Message, about.name, about.version), nil
		}
		for code, was := range before.installed {
			if _, stays := after.installed[code]; !stays {
				about.replaced = was.name + " " + was.version
			}
		}
		undos = append(undos, about)
		o.Message = "installed " + about.name + " " + about.version
		return o, nil
	})
	o.Undo = undos
	return o, err
}

// eachProduct stages the files and applies one after the other until one
// fails. Packages holds what changed.
func (j *job) eachProduct(ctx context.Context, apply func(file string, before products) (lab.PatchOutcome, error)) (lab.PatchOutcome, error) {
	staged, err := j.windowsStage(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	first, err := j.products(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	if len(staged) == 0 {
		return failed(-1, "it has no files"), nil
	}
	before := first
	var outcomes []lab.PatchOutcome
	for _, file := range staged {
		o, err := apply(file, before)
		if err != nil {
			return lab.PatchOutcome{}, err
		}
		outcomes = append(outcomes, o)
		if before, err = j.products(ctx); err != nil {
			return lab.PatchOutcome{}, err
		}
		if o.Status == lab.PatchFailed {
			break
		}
	}
	o := joinOutcomes(outcomes)
	o.Packages = before.changes(first)
	return o, nil
}

// msiexec runs the Windows Installer, silently and without rebooting, and
// returns what is installed afterwards.
func (j *job) msiexec(ctx context.Context, action string, args []string) (o lab.PatchOutcome, after products, err error) {
	p := j.msiProgram(action, args)
	e, err := j.installWindows(ctx, p)
	if err != nil {
		return o, after, err
	}
	after, err = j.products(ctx)
	return j.endOutcome(p, e), after, err
}

func (j *job) msiProgram(action string, args []string) program {
	log := j.staging.path(j.stage, "msi.log")
	line := action + ` /qn /norestart /l*v "` + log + `"`
	for _, arg := range args {
		line += " " + msiArgument(arg)
	}
	return program{name: "msiexec", file: msiexec, arguments: line, log: log}
}

// msiArgument writes PROPERTY="value" as msiexec reads it: quotes around the
// value alone, those within doubled.
func msiArgument(arg string) string {
	name, value, property := strings.Cut(arg, "=")
	if !property || strings.ContainsAny(name, " \"") || !strings.ContainsAny(value, " \t\"") {
		return windowsWord(arg)
	}
	return name + `="` + strings.ReplaceAll(value, `"`, `""`) + `"`
}

// aboutProduct reads what an .msi says of itself, with the machine's own
// Windows Installer. Its code is empty where that cannot.
func (j *job) aboutProduct(ctx context.Context, file string) (about productUndo, err error) {
	err = j.about(ctx, file, func(field func(int) string) {
		about = productUndo{code: strings.ToUpper(field(1)), version: field(2), name: field(3)}
	})
	return about, err
}

func (j *job) about(ctx context.Context, file string, take func(field func(int) string)) error {
	return j.rows(ctx, windowsScript("about", "path", guest.QuotePS(file)), func(word string, field func(int) string) {
		if word == "product" || word == "patch" {
			take(field)
		}
	})
}

func confirmMSI(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	undos, _ := o.Undo.([]productUndo)
	now, err := j.products(ctx)
	if err != nil {
		return false, "", err
	}
	var seen []string
	for _, u := range undos {
		is, has := now.installed[u.code]
		if !has || is.version != u.version {
			return false, fmt.Sprintf("%s is %s, not %s", u.name, orNone(presence(is, has)), u.version), nil
		}
		seen = append(seen, u.name+" "+u.version)
	}
	return len(seen) > 0, "installed: " + orNone(strings.Join(seen, ", ")), nil
}
