package check

import (
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestWindowsService(t *testing.T) {
	is := func(state, mode string) *machine {
		return answers(t, lab.Windows, facts{"count": "1", "state": state, "mode": mode})
	}
	yes, no := p(true), p(false)
	runRows(t, []row{
		{"runs", &lab.ServiceCheck{Unit: "it's", Active: yes, Enabled: yes}, is("Running", "Auto"), true, "it's is running, auto"},
		{"stopped", &lab.ServiceCheck{Unit: "s", Active: yes}, is("Stopped", "Auto"), false, "s is stopped, want running"},
		{"on its way", &lab.ServiceCheck{Unit: "s", Active: no}, is("Stop Pending", "Auto"), false, "s is stop pending, want stopped"},
		{"starts on demand", &lab.ServiceCheck{Unit: "s", Enabled: yes}, is("Running", "Manual"), false, "s is manual, want auto"},
		{"disabled", &lab.ServiceCheck{Unit: "s", Enabled: no}, is("Stopped", "Disabled"), true, "s is disabled"},
		{"none", &lab.ServiceCheck{Unit: "s", Active: no}, answers(t, lab.Windows, facts{"count": "0"}), false, "there is no service s"},
	})
}

func TestRegistry(t *testing.T) {
	const key = `HKLM:\SOFTWARE\It's`
	val := func(kind, value string) *machine {
		return answers(t, lab.Windows, facts{"key": "", "kind": kind, "value": value})
	}
	has := func(m lab.Match) *lab.RegistryCheck {
		return &lab.RegistryCheck{Key: key, Name: "v", Exists: true, Value: m}
	}
	absent := answers(t, lab.Windows, facts{"key": "", "absent": ""})
	runRows(t, []row{
		{"key", &lab.RegistryCheck{Key: key, Exists: true}, val("", ""), true, key + " is there"},
		{"text", has(lab.Match{Equals: "on"}), val("String", "on"), true, key + `\v is there, ` + key + `\v is "on"`},
		{"number", has(lab.Match{Equals: "4294967295"}), val("DWord", "-1"), true, key + `\v is there, ` + key + `\v is "4294967295"`},
		{"wrong number", has(lab.Match{Equals: "1"}), val("QWord", "0"), false, key + `\v is "0", want "1"`},
		{"no number", has(lab.Match{NotContains: "1"}), val("DWord", "x"), false, key + `\v has a value of kind DWord, which cannot be compared`},
		{"absent", has(lab.Match{}), absent, false, key + `\v is not there`},
		{"absent as wanted", &lab.RegistryCheck{Key: key, Name: "v"}, absent, true, key + `\v is not there`},
		{"unwanted", &lab.RegistryCheck{Key: key, Name: "v"}, val("String", ""), false, key + `\v is there, want it absent`},
		{"no answer", &lab.RegistryCheck{Key: key, Name: "v"}, answers(t, lab.Windows, facts{"key": ""}), false, "cannot tell whether " + key + `\v is there`},
		{"no key of the registry", &lab.RegistryCheck{Key: `C:\x`}, absent, false, `"C:\\x" is no key of the registry`},
	})
	for given, full := range map[string]string{
		`HKLM:\SOFTWARE\A\`:         `Registry::HKEY_LOCAL_MACHINE\SOFTWARE\A`,
		`hkey_users\.DEFAULT`:       `Registry::HKEY_USERS\.DEFAULT`,
		`HKU\S-1-5-18`:              `Registry::HKEY_USERS\S-1-5-18`,
		`Computer\HKEY_USERS`:       "",
		`HKEY_LOCAL_MACHINE\a'; rm`: `Registry::HKEY_LOCAL_MACHINE\a'; rm`,
	} {
		if got, _ := registryKey(given); got != full {
			t.Errorf("%s: %s, want %s", given, got, full)
		}
	}
}

func TestHotfix(t *testing.T) {
	is := func(listed, states string) *machine {
		return answers(t, lab.Windows, facts{"listed": listed, "states": states})
	}
	has, not := &lab.HotfixCheck{ID: "kb5041160", Installed: true}, &lab.HotfixCheck{ID: "5041160"}
	runRows(t, []row{
		{"listed", has, is("1", ""), true, "KB5041160 is installed"},
		{"in the store", has, is("0", "64 112 0"), true, "KB5041160 is installed"},
		{"absent", has, is("0", "0 64"), false, "KB5041160 is not installed, want installed"},
		{"absent as wanted", not, is("0", ""), true, "KB5041160 is not installed"},
		{"half removed", not, is("0", "5"), false, "KB5041160 is waiting to be removed, want not installed"},
		{"half installed", has, is("1", "112 96"), false, "KB5041160 is waiting to be installed, want installed"},
		{"superseded", has, is("0", "80"), false, "KB5041160 is superseded, want installed"},
		{"no answer", not, is("", ""), false, "desk does not list its updates"},
		{"pattern", &lab.HotfixCheck{ID: "KB.*"}, nil, false, `"KB.*" is no number of an update`},
	})
}

func TestFeatureAndSite(t *testing.T) {
	state := func(s string) *machine { return answers(t, lab.Windows, facts{"state": s, "count": "1"}) }
	runRows(t, []row{
		{"installed", &lab.FeatureCheck{Name: "Web-Server", Installed: true}, state("Installed"), true, "Web-Server is Installed"},
		{"enabled", &lab.FeatureCheck{Name: "IIS", Installed: true}, state("Enabled"), true, "IIS is Enabled"},
		{"available", &lab.FeatureCheck{Name: "Web-Server", Installed: true}, state("Available"), false, "Web-Server is Available, want installed"},
		{"removed as wanted", &lab.FeatureCheck{Name: "SMB1Protocol"}, state("DisabledWithPayloadRemoved"), true, "SMB1Protocol is DisabledWithPayloadRemoved"},
		{"pending", &lab.FeatureCheck{Name: "SMB1Protocol"}, state("DisablePending"), false, "SMB1Protocol is DisablePending, want not installed"},
		{"unknown", &lab.FeatureCheck{Name: "SMB9"}, state(""), false, "there is no feature SMB9"},
		{"site", &lab.IISSiteCheck{Name: "Default Web Site"}, state("Started"), true, `web site "Default Web Site" is Started`},
		{"stopped", &lab.IISSiteCheck{Name: "shop"}, state("Stopped"), false, `web site "shop" is Stopped, want Started`},
		{"stopping", &lab.IISSiteCheck{Name: "shop", State: "Stopped"}, state("Stopping"), false, `web site "shop" is Stopping, want Stopped`},
		{"no site", &lab.IISSiteCheck{Name: "shop", State: "Stopped"}, answers(t, lab.Windows, facts{"count": "0"}), false, `there is no web site "shop"`},
	})
}

func TestTimer(t *testing.T) {
	timer := "LoadState=loaded\nUnitFileState=enabled\nUnit=apt-daily.service\n"
	show := func(timer, unit string) *machine {
		return onHost(t, map[string]string{"systemctl": `for n; do :; done
case $n in
*.timer) printf '%s' '` + timer + `' ;;
apt-daily.service) printf '%s' '` + unit + `' ;;
esac`})
	}
	ran := "ExecMainCode=1\nExecMainStatus=0\nExecMainExitTimestampMonotonic=12\n"
	zero := &lab.TaskCheck{Name: "apt-daily", Enabled: true, LastResult: p(0)}
	runRows(t, []row{
		{"enabled", &lab.TaskCheck{Name: "apt-daily.timer", Enabled: true}, show(timer, ran), true, "apt-daily.timer is enabled"},
		{"disabled", &lab.TaskCheck{Name: "apt-daily.timer", Enabled: true}, show("LoadState=loaded\nUnitFileState=disabled\n", ""), false, "apt-daily.timer is disabled, want enabled"},
		{"unknown state is not disabled", &lab.TaskCheck{Name: "apt-daily.timer"}, show("LoadState=loaded\nUnitFileState=bad\n", ""), false, "apt-daily.timer is bad, want disabled"},
		{"result", zero, show(timer, ran), true, "apt-daily.timer is enabled, its last result is 0"},
		{"other result", zero, show(timer, "ExecMainCode=1\nExecMainStatus=100\nExecMainExitTimestampMonotonic=12\n"), false, "its last result is 100, want 0"},
		{"has not run", zero, show(timer, "ExecMainCode=0\nExecMainStatus=0\nExecMainExitTimestampMonotonic=0\n"), false, "its last result is not known: it has not run to its end since the system started"},
		{"killed", zero, show(timer, "ExecMainCode=2\nExecMainStatus=0\nExecMainExitTimestampMonotonic=12\n"), false, "its last result is not known: it was killed by a signal"},
		{"no unit", zero, show("LoadState=loaded\nUnitFileState=enabled\n", ""), false, "its last result is not known: systemctl does not tell"},
		{"none", zero, show("LoadState=not-found\n", ""), false, "there is no timer apt-daily.timer"},
		{"no systemd", zero, show("", ""), false, "systemctl does not tell the state of apt-daily.timer"},
	})
}

func TestWindowsTask(t *testing.T) {
	is := func(state, enabled, result string) *machine {
		return answers(t, lab.Windows, facts{"count": "1", "state": state, "enabled": enabled, "result": result})
	}
	zero := &lab.TaskCheck{Name: `Backup\it's`, Enabled: true, LastResult: p(0)}
	runRows(t, []row{
		{"ran well", zero, is("Ready", "True", "0"), true, `\Backup\it's is ready, its last result is 0`},
		{"failed", zero, is("Ready", "True", "2147942402"), false, "its last result is -2147024894, want 0"},
		{"result without a sign", &lab.TaskCheck{Name: `\x`, Enabled: true, LastResult: p(2147942402)}, is("Ready", "True", "2147942402"), true, `\x is ready, its last result is 2147942402`},
		{"has not run", zero, is("Ready", "True", "267011"), false, "its last result is not known: it has not run yet"},
		{"disabled", zero, is("Disabled", "False", "0"), false, `\Backup\it's is disabled, want enabled`},
		{"none", zero, answers(t, lab.Windows, facts{"count": "0"}), false, `there is no task \Backup\it's`},
	})
}
