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

// userCheck looks at an account, wherever the system finds its accounts.
func userCheck(ctx context.Context, s *lab.UserCheck, at place) finding {
	if at.os == lab.Windows && (s.UID != nil || s.Shell != "") {
		return finding{faults: []string{"accounts of Windows have neither a number nor a shell"}}
	}
	if fault := badNames(append([]string{s.Name}, s.Groups...)); fault != "" {
		return finding{faults: []string{fault}}
	}
	got, f := at.ask(ctx, scripts{lab.Linux: linuxUser(s), lab.Windows: windowsUser(s.Name)})
	if !f.passed() {
		return f
	}
	line, there, why := got.entry("user", s.Name, 7)
	switch {
	case why != "":
		f.fault("cannot tell whether there is a user %s: %s", s.Name, why)
	case !there && s.Exists:
		f.fault("there is no user %s", s.Name)
	case !there:
		f.seen = "there is no user " + s.Name
	case !s.Exists:
		f.fault("there is a user %s, want none", s.Name)
	default:
		f.seen = "there is a user " + s.Name
		if s.UID != nil {
			f.expectText("uid", strconv.Itoa(*s.UID), line[2])
		}
		f.expectText("home", s.Home, orDefault(got["home"], line[5]))
		f.expectText("shell", s.Shell, line[6])
		f.expectGroups(s.Groups, got, at.os)
	}
	return f
}

// badNames says which name no account can have. Not every getent knows what
// "--" means.
func badNames(names []string) (fault string) {
	for _, n := range names {
		if n == "" || n[0] == '-' || strings.ContainsAny(n, ":\n\x00") {
			return quoted(n) + " is no name of an account"
		}
	}
	return ""
}

// entry reads what getent printed and its exit code: 2 says that there is no
// such entry. Numbers are names to getent, so that the entry's own name counts.
func (f facts) entry(key, name string, fields int) (parts []string, there bool, why string) {
	code, ok := f.number(key + "code")
	if !ok || code != 0 {
		if ok && code == 2 {
			return nil, false, ""
		}
		return nil, false, "getent ends with exit code " + strings.TrimSpace(f[key+"code"]) + after(f["stderr"])
	}
	parts = strings.Split(strings.TrimSuffix(f[key], "\n"), ":")
	switch {
	case len(parts) != fields || strings.Contains(f[key], "\x00"):
		return nil, false, "getent answers " + quoted(f[key])
	case !strings.EqualFold(parts[0], name):
		return nil, false, "getent answers for " + quoted(parts[0])
	}
	return parts, true, ""
}

func linuxUser(s *lab.UserCheck) string {
	script := getent("user", "passwd", s.Name)
	if len(s.Groups) > 0 { // by number: names may hold spaces
		script += "\nfact gids; id -G " + guest.Quote(s.Name) + "\nfact groups; getent group " + guest.Quote(s.Groups...)
	}
	return script
}

// getent prints an entry of a database as fact key, and its exit code.
func getent(key, database, name string) string {
	return "fact " + key + "; getent " + database + " " + guest.Quote(name) + "\ncode=$?; fact " + key + "code; echo $code"
}

// expectGroups adds the groups that the account is not in.
func (f *finding) expectGroups(want []string, got facts, os lab.OS) {
	in := map[string]bool{}
	if os == lab.Windows {
		for _, g := range got.lines("groups") {
			in[strings.ToLower(g)] = true
		}
	}
	gids := strings.Fields(got["gids"])
	for _, l := range got.lines("groups") {
		if w := strings.Split(l, ":"); len(w) == 4 && slices.Contains(gids, w[2]) {
			in[w[0]] = true
		}
	}
	for _, g := range want {
		if !in[g] && (os != lab.Windows || !in[strings.ToLower(g)]) {
			f.fault("not in group %s", g)
			continue
		}
		f.seen += ", in group " + g
	}
}

// windowsUser answers as getent does. Groups are asked of the oldest of the
// interfaces, which knows them on domain controllers too.
func windowsUser(name string) string {
	return fmt.Sprintf(`$name = %s
$u = @(Get-CimInstance Win32_UserAccount -Filter 'LocalAccount = TRUE' | Where-Object { $_.Name -eq $name })
if ($u.Count -eq 0) { $f['usercode'] = '2' } else {
	$dir = (Get-CimInstance Win32_UserProfile | Where-Object { $_.SID -eq $u[0].SID }).LocalPath
	$f['usercode'] = '0'
	$f['home'] = "$dir"
	$f['user'] = "$($u[0].Name)::::::"
	$a = [ADSI]"WinNT://$env:COMPUTERNAME/$($u[0].Name),user"
	$f['groups'] = (@($a.psbase.Invoke('Groups')) | ForEach-Object { $_.GetType().InvokeMember('Name', 'GetProperty', $null, $_, $null) }) -join [char]10
}`, guest.QuotePS(name))
}
