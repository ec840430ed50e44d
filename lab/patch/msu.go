package patch

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// updateUndo is what confirming a Windows update and taking it out need.
type updateUndo struct {
	fixes []string // "KB5052093", as the files' names say
	build string   // before
	added []string // identities of packages
}

const (
	wusa = `C:\Windows\System32\wusa.exe`
	dism = `C:\Windows\System32\dism.exe`
)

// applyMSU installs one file by wusa. Several are checkpoint updates with the
// one that needs them: DISM is given the newest, and finds the others beside
// it (Microsoft, "Checkpoint cumulative updates and Microsoft Update Catalog
// usage"). wusa would take the newest alone, and fail.
func applyMSU(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	return j.applyUpdate(ctx, func(staged []string) []program {
		if len(staged) > 1 {
			return []program{j.dismAdd(newestUpdate(staged))}
		}
		return []program{{name: "wusa", file: wusa, arguments: `"` + staged[0] + `" /quiet /norestart`, update: true}}
	})
}

// applyCAB installs the files one after the other by DISM.
func applyCAB(ctx context.Context, j *job) (lab.PatchOutcome, error) {
	return j.applyUpdate(ctx, func(staged []string) []program {
		programs := make([]program, len(staged))
		for i, file := range staged {
			programs[i] = j.dismAdd(file)
		}
		return programs
	})
}

// dismAdd and dismRemove need no quotes: no path of the stage has a space.
// Without /Quiet, DISM says why it failed.
func (j *job) dismAdd(file string) program {
	log := j.staging.path(j.stage, "dism.log")
	return program{
		name: "DISM", file: dism, log: log,
		arguments: `/Online /Add-Package /PackagePath:` + file + ` /NoRestart /English /LogPath:` + log,
	}
}

func (j *job) dismRemove(identity string) program {
	log := j.staging.path(j.stage, "dism.log")
	return program{
		name: "DISM", file: dism, log: log,
		arguments: `/Online /Remove-Package /PackageName:` + identity + ` /NoRestart /English /LogPath:` + log,
	}
}

var fixName = regexp.MustCompile(`(?i)(?:^|[^a-z0-9])kb([0-9]{6,8})(?:[^0-9]|$)`)

// updateFix is the KB number that a file's name says; empty: none.
func updateFix(name string) string {
	m := fixName.FindStringSubmatch(filepath.Base(strings.ReplaceAll(name, `\`, "/")))
	if m == nil {
		return ""
	}
	return "KB" + m[1]
}

// newestUpdate is the file with the highest KB number: they are given in the
// order of their making.
func newestUpdate(files []string) string {
	newest, highest := files[len(files)-1], -1
	for _, file := range files {
		if n, err := strconv.Atoi(strings.TrimPrefix(updateFix(file), "KB")); err == nil && n > highest {
			newest, highest = file, n
		}
	}
	return newest
}

// applyUpdate runs the programs and compares what Windows says before and
// afterwards. The first that fails ends it.
func (j *job) applyUpdate(ctx context.Context, programs func(staged []string) []program) (lab.PatchOutcome, error) {
	staged, err := j.windowsStage(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	before, err := j.servicing(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	if len(staged) == 0 {
		return failed(-1, "it has no files"), nil
	}
	var outcomes []lab.PatchOutcome
	for _, p := range programs(staged) {
		e, err := j.installWindows(ctx, p)
		if err != nil {
			return lab.PatchOutcome{}, err
		}
		o := j.endOutcome(p, e)
		outcomes = append(outcomes, o)
		if o.Status == lab.PatchFailed {
			break
		}
	}
	after, err := j.servicing(ctx)
	if err != nil {
		return lab.PatchOutcome{}, err
	}
	return j.judgeUpdate(joinOutcomes(outcomes), before, after), nil
}

// judgeUpdate completes what the exit codes say by what has changed.
func (j *job) judgeUpdate(o lab.PatchOutcome, before, after servicing) lab.PatchOutcome {
	undo := updateUndo{build: before.build, added: after.added(before)}
	known := true
	for _, file := range j.patch.Files {
		fix := updateFix(file)
		if fix == "" {
			known = false
			continue
		}
		undo.fixes = append(undo.fixes, fix)
		known = known && before.hotfixes[fix]
	}
	o.Packages, o.Undo = after.changes(before), undo
	changed := len(undo.added) > 0 || before.build != after.build
	switch {
	case o.Status != lab.Applied:
	case len(undo.added) > 0:
		o.Message += "; " + strings.Join(undo.added, ", ")
	case changed:
		o.Message += "; build " + after.build
	case known || j.patch.Kind == lab.PatchCAB:
		o.Status = lab.AlreadyInstalled
		o.Message += "; nothing has changed: it was installed already"
	case !o.RebootNeeded:
		return failed(o.ExitCode, "%s, but no package has changed", o.Message)
	}
	return o
}

// joinOutcomes is what the outcomes of a patch's parts come to: that of the
// last where one failed; applied where one was.
func joinOutcomes(outcomes []lab.PatchOutcome) lab.PatchOutcome {
	var joined lab.PatchOutcome
	var messages []string
	rank := map[lab.PatchStatus]int{lab.NotApplicable: 1, lab.AlreadyInstalled: 2, lab.Applied: 3, lab.PatchFailed: 4}
	for _, o := range outcomes {
		if rank[o.Status] > rank[joined.Status] {
			joined.Status, joined.ExitCode = o.Status, o.ExitCode
		}
		joined.RebootNeeded = joined.RebootNeeded || o.RebootNeeded
		messages = append(messages, o.Message)
	}
	joined.Message = strings.Join(messages, "; ")
	return joined
}

func confirmMSU(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	return j.confirmUpdate(ctx, o)
}

func confirmCAB(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error) {
	return j.confirmUpdate(ctx, o)
}

// confirmUpdate looks at the state of the packages and the number of the
// build: Windows takes an update back at its start when that fails.
func (j *job) confirmUpdate(ctx context.Context, o lab.PatchOutcome) (in bool, message string, err error) {
	if err := j.guest.Settle(ctx, j.progress); err != nil {
		return false, "", err
	}
	undo, _ := o.Undo.(updateUndo)
	now, err := j.servicing(ctx)
	if err != nil {
		return false, "", err
	}
	build := "build " + now.build
	if undo.build != "" && undo.build != now.build {
		build = fmt.Sprintf("build %s is now %s", undo.build, now.build)
	}
	if why := now.missing(undo.added); why != "" {
		return false, why + "; " + build, nil
	}
	if len(undo.added) > 0 {
		return true, strings.Join(undo.added, ", ") + " installed; " + build, nil
	}
	for _, fix := range undo.fixes {
		if now.hotfixes[fix] {
			return true, fix + " is installed; " + build, nil
		}
	}
	if o.Status == lab.AlreadyInstalled {
		return true, "DISM took it for installed already; " + build, nil
	}
	return undo.build != now.build, "no package of it is installed; " + build, nil
}
