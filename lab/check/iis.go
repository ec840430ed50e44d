package check

import (
	"context"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// iisSiteCheck asks IIS for a web site, through the library that comes with
// it: the modules for PowerShell are not everywhere.
func iisSiteCheck(ctx context.Context, s *lab.IISSiteCheck, at place) finding {
	got, f := at.ask(ctx, scripts{lab.Windows: "$name = " + guest.QuotePS(s.Name) + `
$dll = Join-Path $env:windir 'System32\inetsrv\Microsoft.Web.Administration.dll'
if (-not (Test-Path -LiteralPath $dll)) { throw 'IIS is not installed' }
[void][Reflection.Assembly]::LoadFrom($dll)
$m = New-Object Microsoft.Web.Administration.ServerManager
$s = @($m.Sites | Where-Object { $_.Name -eq $name })
$f['count'] = "$($s.Count)"
if ($s.Count -eq 1) { $f['state'] = "$($s[0].State)" }`})
	if !f.passed() {
		return f
	}
	if n, ok := got.number("count"); !ok || n != 1 {
		f.fault("there is no web site %s", quoted(s.Name))
		return f
	}
	state, wanted := orDefault(strings.TrimSpace(got["state"]), "unknown"), orDefault(s.State, "Started")
	if !strings.EqualFold(state, wanted) {
		f.fault("web site %s is %s, want %s", quoted(s.Name), state, wanted)
	}
	f.seen = "web site " + quoted(s.Name) + " is " + state
	return f
}
