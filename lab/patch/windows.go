package patch

import (
	"context"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// windowsScripts are for PowerShell 5.1, which reads them with an error ending
// them, and gives their output on in UTF-8.
//
//go:embed windows/*.ps1
var windowsScripts embed.FS

// windowsRoot is where patches wait on a Windows machine, for SYSTEM and
// administrators alone.
const windowsRoot = `C:\ProgramData\patchlab-stage`

// windowsScript makes a command of scripts, which find vars, pairs of name
// and PowerShell expression, in their variables.
func windowsScript(name string, vars ...string) string {
	return windowsVars(vars) + windowsText("common") + windowsText(name)
}

func windowsVars(vars []string) string {
	var b strings.Builder
	for pair := range slices.Chunk(vars, 2) {
		fmt.Fprintf(&b, "$%s\n", strings.Join(pair, " = "))
	}
	return b.String()
}

func windowsText(name string) string {
	b, err := windowsScripts.ReadFile("windows/" + name + ".ps1")
	if err != nil {
		panic(err) // it is in the program
	}
	return string(b)
}

// windowsStaging is how patches wait on Windows machines.
func windowsStaging() staging {
	return staging{
		root:   windowsRoot,
		path:   func(folder, name string) string { return folder + `\` + strings.ReplaceAll(path.Clean(name), "/", `\`) },
		remote: func(path string) string { return path },
		make: func(stage string) string {
			return windowsScript("make", "root", guest.QuotePS(windowsRoot), "stage", guest.QuotePS(stage))
		},
		remove: func(stage string) string {
			return windowsScript("clean", "root", guest.QuotePS(windowsRoot), "stage", guest.QuotePS(stage))
		},
	}
}

// windowsStage uploads the patch's files and returns where they are.
func (j *job) windowsStage(ctx context.Context) ([]string, error) {
	if err := j.makeStage(ctx); err != nil {
		return nil, err
	}
	paths := make([]string, len(j.patch.Files))
	taken := map[string]bool{}
	for i, src := range j.patch.Files {
		name := windowsName(src)
		if taken[strings.ToLower(name)] {
			name = fmt.Sprintf("%d_%s", i+1, name)
		}
		taken[strings.ToLower(name)] = true
		var err error
		if paths[i], err = j.upload(ctx, src, name, false); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// windowsName is a host's file name in letters that mean nothing to any
// program there. It is not numbered where it need not be: DISM finds the
// updates that one needs by their names, and programs the files beside them.
func windowsName(src string) string {
	name := strings.TrimLeft(unsafeName.ReplaceAllString(path.Base(src), "_"), "-.")
	if name == "" {
		return "file"
	}
	return name
}

// rows runs a question of rows, and gives them to take: the first word, and
// the others, of which there are as many as asked for.
func (j *job) rows(ctx context.Context, shell string, take func(word string, field func(int) string)) error {
	text, err := j.ask(ctx, shell)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		take(fields[0], func(i int) string {
			if i < len(fields) {
				return strings.TrimSpace(fields[i])
			}
			return ""
		})
	}
	return nil
}

// windowsRebootPending reports whether Windows asks for a reboot, and why.
func windowsRebootPending(ctx context.Context, j *job) (pending bool, reason string, err error) {
	reasons, err := j.lines(ctx, windowsScript("pending"))
	return len(reasons) > 0, lab.Printable(strings.Join(reasons, "; "), 300), err
}

// windowsStale lists the services that run files which Windows will replace
// or delete at its next start. Windows refuses to replace a file in use by
// any other way.
func windowsStale(ctx context.Context, j *job) ([]string, error) {
	services, err := j.lines(ctx, windowsScript("stale"))
	for i := range services {
		services[i] = lab.Printable(services[i], 100)
	}
	slices.Sort(services)
	return slices.Compact(services), err
}

func (j *job) lines(ctx context.Context, shell string) (lines []string, err error) {
	text, err := j.ask(ctx, shell)
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, err
}
