package check

import (
	"context"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// featureCheck looks at a role or feature of a Windows server, or at an
// optional feature of any Windows.
func featureCheck(ctx context.Context, s *lab.FeatureCheck, at place) finding {
	got, f := at.ask(ctx, scripts{lab.Windows: "$name = " + guest.QuotePS(s.Name) + `
$state = $null
if (Get-Command Get-WindowsFeature -ErrorAction SilentlyContinue) {
	$state = (Get-WindowsFeature | Where-Object { $_.Name -eq $name }).InstallState
}
if ($null -eq $state) {
	$state = (Get-WindowsOptionalFeature -Online | Where-Object { $_.FeatureName -eq $name }).State
}
$f['state'] = "$state"`})
	if !f.passed() {
		return f
	}
	state := strings.TrimSpace(got["state"])
	if state == "" {
		f.fault("there is no feature %s", s.Name)
		return f
	}
	f.seen = s.Name
	f.expectState(&s.Installed, state, featureState(state), "installed", "not installed")
	f.seen = strings.Replace(f.seen, ", ", " is ", 1)
	return f
}

// featureState takes states for yes or no; those that wait for a reboot are
// neither.
func featureState(state string) tri {
	switch state {
	case "Installed", "Enabled":
		return yes
	case "Available", "Removed", "Disabled", "DisabledWithPayloadRemoved":
		return no
	}
	return neither
}
