package state

import (
	"encoding/base64"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestWindows(t *testing.T) {
	sample, err := os.ReadFile("testdata/windows.json") // written by hand, in the form that the script prints
	must(t, err)
	m := &machine{run: prints(string(sample), lab.Output{}), def: lab.Machine{Name: "pc", Image: &lab.Image{OS: lab.Windows}, Watch: lab.Watch{Paths: []string{`C:\inetpub`}}}}
	st := survey(t, m, "")
	want := map[lab.StateKind]map[string]string{
		lab.StateOS:      {"kernel": "10.0.20348.2113", "build": "Windows Server 2022 Standard 21H2 20348.2113"},
		lab.StatePackage: {"7-Zip 23.01 (x64):native": "23.01", "KB5031364:hotfix": "installed"},
		lab.StateService: {"W3SVC": "active enabled", "wuauserv": "inactive manual"},
		lab.StateFailed:  {},
		lab.StatePort:    {"tcp 0.0.0.0:135": "svchost", "tcp [::]:80": "System", "udp 0.0.0.0:123": "svchost"},
		lab.StateUser:    {"Administrator": "S-1-5-21-1-2-3-500", "Guest": "S-1-5-21-1-2-3-501 locked"},
		lab.StateGroup:   {"Administrators": `S-1-5-32-544 PC\Administrator`},
		lab.StateTimer:   {`\Backup`: `enabled C:\backup.exe --key (sensitive)`},
		lab.StateFirewall: {
			"profile Domain": "enabled True, in NotConfigured, out NotConfigured", "IIS-WebServerRole-HTTP-In-TCP": "Inbound Allow World Wide Web Services (HTTP Traffic-In)",
		},
		lab.StateError:   {"Service Control Manager <n>: The W3SVC service terminated after <n> tries": "2"},
		lab.StateMemory:  {"used": "1432"},
		lab.StateDisk:    {"C:": "14210"},
		lab.StateCommand: {},
		lab.StateFile: {
			`C:\inetpub`: `dir Directory NT_AUTHORITY\SYSTEM`, `C:\inetpub\index.htm`: `file Normal BUILTIN\Administrators ` + sum("x"), `C:\inetpub\locked`: "?",
		},
	}
	same(t, "items", want, st.Items)
	same(t, "gaps", []string{"boot-time: No events were found that match the specified selection criteria."}, st.Gaps)
}

func TestWindowsList(t *testing.T) {
	for in, want := range map[string]string{
		`null`: "", `[]`: "", `{"n":"a","v":"1"}`: "a=1 ", `[{"n":"a","v":"1"},{"n":"b","v":"2"}]`: "a=1 b=2 ", `{"value":[{"n":"a","v":"1"}],"Count":1}`: "a=1 ",
	} {
		var l list
		must(t, l.UnmarshalJSON([]byte(in)))
		got := ""
		for _, it := range l {
			got += it.Name + "=" + it.Value + " "
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// TestWindowsCommand compares the command with the golden file, and looks that
// no path can be taken for PowerShell.
func TestWindowsCommand(t *testing.T) {
	paths := []string{`C:\inetpub`, `C:\it's "$(calc)" ’x`}
	got := windowsCommand(paths)
	head, _, _ := strings.Cut(got, "\n")
	coded, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(head, "$watched = '"), "'"))
	if want := `["C:\\inetpub","C:\\it's \"$(calc)\" ’x"]`; err != nil || string(coded) != want {
		t.Errorf("the paths are %s, want %s (%v)", coded, want, err)
	}
	const golden = "testdata/windows.golden.ps1"
	if *update {
		must(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	same(t, golden, string(want), got)
}
