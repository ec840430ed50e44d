package patch

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// linuxCommand runs a staged script in its folder.
func linuxCommand(folder, base string, p *lab.Patch, interpreted bool) string {
	argv := append([]string{"./" + base}, p.Args...)
	switch {
	case len(p.Interpreter) > 0:
		argv = append(append([]string{}, p.Interpreter...), argv...)
	case !interpreted:
		argv = append([]string{"/bin/sh"}, argv...)
	}
	return "cd " + guest.Quote(folder) + " && exec " + guest.Quote(argv...) + " </dev/null"
}

// windowsCommand runs a staged script in its folder, for PowerShell. Folder
// is PowerShell text that gives the folder's path.
func windowsCommand(folder, base string, p *lab.Patch) string {
	argv := []string{`.\` + base}
	switch ext := strings.ToLower(filepath.Ext(base)); {
	case len(p.Interpreter) > 0:
		argv = append(append([]string{}, p.Interpreter...), argv...)
	case ext == ".cmd" || ext == ".bat":
	default:
		argv = append([]string{"powershell.exe", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File"}, argv...)
	}
	words := make([]string, 0, len(argv)+len(p.Args))
	for i, a := range append(argv, p.Args...) {
		if i > 0 {
			a = nativeArgument(a)
		}
		words = append(words, guest.QuotePS(a))
	}
	return "$ErrorActionPreference = 'Stop'; Set-Location -LiteralPath " + guest.QuotePS(folder) +
		"; $global:LASTEXITCODE = 0; & " + strings.Join(words, " ") + "; exit $LASTEXITCODE"
}

// nativeArgument is an argument as Windows PowerShell has to be given it so
// that a program receives it whole: it leaves out empty ones, and does not
// escape the quotes in others.
func nativeArgument(s string) string {
	if s == "" {
		return `""`
	}
	var b strings.Builder
	slashes := 0
	for _, r := range s {
		if r == '"' {
			b.WriteString(strings.Repeat(`\`, slashes+1))
		}
		if slashes++; r != '\\' {
			slashes = 0
		}
		b.WriteRune(r)
	}
	if strings.ContainsAny(s, " \t") { // it will be put in quotes
		b.WriteString(strings.Repeat(`\`, slashes))
	}
	return b.String()
}

// software is what the package managers of a machine say.
type software struct {
	deb state
	rpm rpmState
}

// softwareScript prints what dpkg says, a line, and what rpm says.
const (
	softwareScript = "(\n" + stateScript + "\n)\necho '== rpm'\n(\n" + rpmStateScript + "\n)"
	softwareMark   = "== rpm\n"
)

// software asks the machine's package managers. On Windows there are none.
func (j *job) software(ctx context.Context) (software, error) {
	if osOf(j.guest.Machine()) != lab.Linux {
		return software{}, nil
	}
	text, err := j.ask(ctx, softwareScript)
	if err != nil {
		return software{}, err
	}
	deb, rpm, _ := strings.Cut(text, softwareMark)
	var s software
	if s.deb, err = parseState(deb); err == nil {
		s.rpm, err = parseRPMState(rpm)
	}
	if err != nil {
		return s, &lab.GuestError{Machine: j.guest.Machine().Name, Op: "prepare the patch on", Err: err}
	}
	return s, nil
}

// changes lists the packages whose versions are others after.
func (s software) changes(after software) []lab.PackageChange {
	return append(changes(s.deb, after.deb), rpmChanges(s.rpm, after.rpm)...)
}
