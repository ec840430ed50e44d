package check

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// groupCheck looks at a group. A member is in it by the group's own list or by
// the account, as its first group.
func groupCheck(ctx context.Context, s *lab.GroupCheck, at place) finding {
	if at.os == lab.Windows && s.GID != nil {
		return finding{faults: []string{"groups of Windows have no number"}}
	}
	if fault := badNames(append([]string{s.Name}, s.Members...)); fault != "" {
		return finding{faults: []string{fault}}
	}
	got, f := at.ask(ctx, scripts{lab.Linux: linuxGroup(s), lab.Windows: windowsGroup(s.Name)})
	if !f.passed() {
		return f
	}
	line, there, why := got.entry("group", s.Name, 4)
	switch {
	case why != "":
		f.fault("cannot tell whether there is a group %s: %s", s.Name, why)
	case !there && s.Exists:
		f.fault("there is no group %s", s.Name)
	case !there:
		f.seen = "there is no group " + s.Name
	case !s.Exists:
		f.fault("there is a group %s, want none", s.Name)
	default:
		f.seen = "there is a group " + s.Name
		if s.GID != nil {
			f.expectText("gid", strconv.Itoa(*s.GID), line[2])
		}
		f.expectMembers(s.Members, line, got)
	}
	return f
}

func linuxGroup(s *lab.GroupCheck) string {
	script := getent("group", "group", s.Name)
	for i, m := range s.Members {
		script += fmt.Sprintf("\nfact gids%d; id -G %s", i, guest.Quote(m))
	}
	return script
}

// expectMembers adds those that are not in the group. On Windows names are
// compared without regard to case.
func (f *finding) expectMembers(want, line []string, got facts) {
	listed := strings.Split(line[3], ",")
	windows := got.lines("members")
	for i, m := range want {
		isIt := func(other string) bool { return strings.EqualFold(other, m) }
		if !slices.Contains(listed, m) && !slices.ContainsFunc(windows, isIt) &&
			!slices.Contains(strings.Fields(got["gids"+strconv.Itoa(i)]), line[2]) {
			f.fault("%s is not in it", m)
			continue
		}
		f.seen += ", " + m + " is in it"
	}
}

func windowsGroup(name string) string {
	return fmt.Sprintf(`$name = %s
$g = @(Get-CimInstance Win32_Group -Filter 'LocalAccount = TRUE' | Where-Object { $_.Name -eq $name })
if ($g.Count -eq 0) { $f['groupcode'] = '2' } else {
	$f['groupcode'] = '0'
	$f['group'] = "$($g[0].Name):::"
	$a = [ADSI]"WinNT://$env:COMPUTERNAME/$($g[0].Name),group"
	$f['members'] = (@($a.psbase.Invoke('Members')) | ForEach-Object { $_.GetType().InvokeMember('Name', 'GetProperty', $null, $_, $null) }) -join [char]10
}`, guest.QuotePS(name))
}
