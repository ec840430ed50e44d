package check

import (
	"context"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// windowsService asks Windows for a service by its name, not by the one that
// is displayed. It is enabled when it starts with the system; one that starts
// on demand is not.
func windowsService(ctx context.Context, s *lab.ServiceCheck, at place) finding {
	got, f := at.ask(ctx, scripts{lab.Windows: "$name = " + guest.QuotePS(s.Unit) + `
$s = @(Get-CimInstance Win32_Service | Where-Object { $_.Name -eq $name })
$f['count'] = "$($s.Count)"
if ($s.Count -eq 1) { $f['state'] = "$($s[0].State)"; $f['mode'] = "$($s[0].StartMode)" }`})
	if !f.passed() {
		return f
	}
	if n, ok := got.number("count"); !ok || n != 1 {
		f.fault("there is no service %s", s.Unit)
		return f
	}
	f.seen = s.Unit
	f.expectState(s.Active, strings.ToLower(got["state"]), windowsState(got["state"]), "running", "stopped")
	f.expectState(s.Enabled, strings.ToLower(got["mode"]), windowsState(got["mode"]), "auto", "manual or disabled")
	f.seen = strings.Replace(f.seen, ", ", " is ", 1)
	return f
}

// windowsState takes states of services and their start modes for yes or no.
// Those on their way, "Start Pending", are neither.
func windowsState(word string) tri {
	switch word {
	case "Running", "Auto", "Boot", "System":
		return yes
	case "Stopped", "Manual", "Disabled":
		return no
	}
	return neither
}
