package check

import (
	"context"
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// packageName is what package managers allow in a name, without the patterns
// that dpkg-query takes.
var packageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+.:_~-]*$`)

// installed is a package as the package manager shows it.
type installed struct {
	manager  string   // "dpkg" or "rpm"; empty: a program of Windows
	versions []string // installed ones; several of a kernel, or of several architectures
	state    string   // set when it is neither installed nor absent
}

// packageCheck asks dpkg or rpm, whichever has the package, or looks at the
// installed programs of Windows. A package in state config-files is not
// installed; one that is half installed is neither.
func packageCheck(ctx context.Context, s *lab.PackageCheck, at place) finding {
	if at.os == lab.Linux && !packageName.MatchString(s.Name) {
		return finding{faults: []string{quoted(s.Name) + " is no name of a package"}}
	}
	got, f := at.ask(ctx, scripts{lab.Linux: packageScript(s.Name), lab.Windows: programScript(s.Name)})
	if !f.passed() {
		return f
	}
	is, why := got.installed(s.Name)
	if why != "" {
		f.fault("cannot tell whether %s is installed: %s", s.Name, why)
		return f
	}
	switch {
	case is.state != "":
		f.fault("%s is %s, want %s", s.Name, is.state, wantWord(s.Installed, "installed", "not installed"))
	case len(is.versions) == 0 && s.Installed:
		f.fault("%s is not installed", s.Name)
	case len(is.versions) == 0:
		f.seen = s.Name + " is not installed"
	case !s.Installed:
		f.fault("%s %s is installed, want not installed", s.Name, list(is.versions))
	default:
		f.judgeVersions(ctx, s, is, at)
	}
	return f
}

// judgeVersions adds what is wrong with the installed versions: one of them
// must be as wanted.
func (f *finding) judgeVersions(ctx context.Context, s *lab.PackageCheck, is installed, at place) {
	var faults []string
	for _, v := range is.versions {
		one := finding{seen: strings.TrimSpace(s.Name + " " + v)}
		one.expect("version", s.Version, []byte(v), false)
		if !one.passed() {
			one.faults[0] = one.seen + ": " + one.faults[0]
		}
		if s.AtLeast != "" {
			one.atLeast(ctx, s, is.manager, v, at)
		}
		if one.err != nil {
			f.err = one.err
			return
		}
		if one.passed() {
			f.seen = one.seen
			return
		}
		faults = append(faults, one.faults...)
	}
	f.faults = append(f.faults, faults...)
}

func (f *finding) atLeast(ctx context.Context, s *lab.PackageCheck, manager, version string, at place) {
	order, g := compareVersions(ctx, manager, version, s.AtLeast, at)
	switch {
	case !g.passed():
		f.err, f.faults = g.err, append(f.faults, g.faults...)
	case order < 0:
		f.fault("%s is %s, want at least %s", s.Name, version, s.AtLeast)
	default:
		f.seen += ", at least " + s.AtLeast
	}
}

// packageScript takes each package manager's word and exit code: dpkg-query
// exits with 1 for a package that it does not know, rpm with 1 for that and
// for a broken database as well.
func packageScript(name string) string {
	return "name=" + guest.Quote(name) + `
if command -v dpkg-query >/dev/null; then
	fact dpkg; dpkg-query -W -f '${Status} ${Version}\n' -- "$name" 2>/dev/null
	code=$?; fact dpkgcode; echo $code
fi
if command -v rpm >/dev/null; then
	fact rpm; rpm -q --qf 'is installed %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' -- "$name" 2>/dev/null
	code=$?; fact rpmcode; echo $code
fi`
}

// programScript looks where the installers of Windows write down what they
// installed; names are compared without regard to case.
func programScript(name string) string {
	return "$name = " + guest.QuotePS(name) + `
$at = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\*', 'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall\*'
$all = @(Get-ItemProperty -Path $at -ErrorAction SilentlyContinue | Where-Object { $_.DisplayName -eq $name })
$f['programs'] = ($all | ForEach-Object { "version $($_.DisplayVersion)" }) -join [char]10`
}
