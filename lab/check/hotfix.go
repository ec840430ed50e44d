package check

import (
	"context"
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

var hotfixID = regexp.MustCompile(`^(?:[Kk][Bb])?([0-9]{4,10})$`)

// hotfixCheck looks for an update of Windows by its number: among the updates
// that Windows lists, and among the packages of the component store that have
// it in their names.
func hotfixCheck(ctx context.Context, s *lab.HotfixCheck, at place) finding {
	m := hotfixID.FindStringSubmatch(s.ID)
	if m == nil {
		return finding{faults: []string{quoted(s.ID) + " is no number of an update"}}
	}
	id := "KB" + m[1]
	got, f := at.ask(ctx, scripts{lab.Windows: "$id = " + guest.QuotePS(id) + `
$f['listed'] = "$(@(Get-CimInstance Win32_QuickFixEngineering | Where-Object { $_.HotFixID -eq $id }).Count)"
$store = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages'
$f['states'] = (Get-ChildItem -LiteralPath $store | Where-Object { $_.PSChildName -match "$id(?![0-9])" } |
	ForEach-Object { "$($_.GetValue('CurrentState'))" }) -join ' '`})
	if !f.passed() {
		return f
	}
	listed, ok := got.number("listed")
	is, word := storeState(strings.Fields(got["states"]))
	switch {
	case !ok:
		f.fault("%s does not list its updates", at.name)
		return f
	case listed > 0 && is == no:
		is, word = yes, "installed"
	}
	f.seen = id
	f.expectState(&s.Installed, word, is, "installed", "not installed")
	f.seen = strings.Replace(f.seen, ", ", " is ", 1)
	return f
}

// storeState takes the states of an update's packages for yes or no: one that
// is installed is enough, as not all of them are for every system. One that
// waits for a reboot is neither, nor is one that a newer one took the place of.
func storeState(states []string) (is tri, word string) {
	words := map[string]string{
		"5": "waiting to be removed", "96": "waiting to be installed", "101": "partly installed",
		"80": "superseded", "112": "installed", "128": "installed",
	}
	seen := map[string]bool{}
	for _, s := range states {
		seen[words[s]] = true
	}
	for _, w := range []string{"waiting to be removed", "waiting to be installed", "partly installed"} {
		if seen[w] {
			return neither, w
		}
	}
	switch {
	case seen["installed"]:
		return yes, "installed"
	case seen["superseded"]:
		return neither, "superseded"
	}
	return no, "not installed"
}
