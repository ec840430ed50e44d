package check

import (
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// fakeDpkg knows one package in each state that matters.
var fakeDpkg = map[string]string{
	"dpkg-query": `for n; do :; done
case $n in
curl) echo "install ok installed 7.88.1-10+deb12u5" ;;
sudo) echo "hold ok installed 1:1.9-1" ;;
twice) echo "install ok installed 2-1"; echo "install ok installed 2-1" ;;
gone) echo "deinstall ok config-files 1.0" ;;
half) echo "install ok half-configured 1.0" ;;
broken) echo "install reinstreq installed 1.0" ;;
evil) printf 'install ok installed 9;reboot\n' ;;
lost) echo "dpkg-query: error: cannot read the database" >&2; exit 2 ;;
*) echo "dpkg-query: no packages found matching $n" >&2; exit 1 ;;
esac`,
	"rpm": `exit 127`,
	"dpkg": `[ "$1" = --compare-versions ] && [ "$3" = ge ] || exit 2
[ "$4" = strange ] && exit 2
[ "$(printf '%s\n' "$2" "$4" | sort -V | tail -n 1)" = "$2" ]`,
}

func TestPackageDpkg(t *testing.T) {
	only := map[string]string{"dpkg-query": fakeDpkg["dpkg-query"], "dpkg": fakeDpkg["dpkg"]}
	m := onHost(t, only, "command -v rpm", "false")
	has := func(name string) *lab.PackageCheck { return &lab.PackageCheck{Name: name, Installed: true} }
	atLeast := func(name, v string) *lab.PackageCheck {
		return &lab.PackageCheck{Name: name, Installed: true, AtLeast: v}
	}
	runRows(t, []row{
		{"installed", has("curl"), m, true, "curl 7.88.1-10+deb12u5"},
		{"held", has("sudo"), m, true, "sudo 1:1.9-1"},
		{"two architectures", has("twice"), m, true, "twice 2-1"},
		{"unknown", has("nginx"), m, false, "nginx is not installed"},
		{"only its configuration", has("gone"), m, false, "gone is not installed"},
		{"absent as wanted", &lab.PackageCheck{Name: "gone"}, m, true, "gone is not installed"},
		{"present, not wanted", &lab.PackageCheck{Name: "curl"}, m, false, "curl 7.88.1-10+deb12u5 is installed, want not installed"},
		{"half is not installed", has("half"), m, false, "half is half-configured, want installed"},
		{"half is not absent", &lab.PackageCheck{Name: "half"}, m, false, "half is half-configured, want not installed"},
		{"broken is not installed", has("broken"), m, false, "broken is installed, but broken, want installed"},
		{"error is not absent", &lab.PackageCheck{Name: "lost"}, m, false, "cannot tell whether lost is installed: dpkg-query ends with exit code 2"},
		{"version", &lab.PackageCheck{Name: "curl", Installed: true, Version: lab.Match{Contains: "deb12u5"}}, m, true, `curl 7.88.1-10+deb12u5, version contains "deb12u5"`},
		{"wrong version", &lab.PackageCheck{Name: "curl", Installed: true, Version: lab.Match{Contains: "deb11"}}, m, false, `curl 7.88.1-10+deb12u5: version does not contain "deb11"`},
		{"new enough", atLeast("curl", "7.88.1-9"), m, true, "curl 7.88.1-10+deb12u5, at least 7.88.1-9"},
		{"too old", atLeast("curl", "7.89"), m, false, "curl is 7.88.1-10+deb12u5, want at least 7.89"},
		{"an epoch is no newer version", atLeast("sudo", "1.10"), m, false, "sudo is 1:1.9-1, want at least 1.10"},
		{"comparison fails", atLeast("curl", "strange"), m, false, "dpkg cannot compare versions 7.88.1-10+deb12u5 and strange"},
		{"version is a command", atLeast("evil", "1"), m, false, `versions "9;reboot" and "1" cannot be compared`},
		{"pattern", has("c*"), m, false, `"c*" is no name of a package`},
		{"option", has("-W"), m, false, `"-W" is no name of a package`},
	})
}

func TestPackageRPM(t *testing.T) {
	m := onHost(t, map[string]string{"rpm": `for n; do :; done
case "$1 $n" in
*openssl) echo "is installed 1:1.1.1k-9.el8" ;;
*kernel) echo "is installed 5.14.0-1.el9"; echo "is installed 5.14.0-3.el9" ;;
--eval*) echo "$n" >>"${0%/*}/asked"
	case $n in
	"%{lua:print(rpm.vercmp('1','2') .. ' ' .. rpm.vercmp('1.1.1k','1.0'))}") echo "-1 1" ;;
	"%{lua:print(rpm.vercmp('1.1.1k','3.0'))}") echo -1 ;;
	"%{lua:print(rpm.vercmp('1.1.1k','1.1.1g') .. ' ' .. rpm.vercmp('9.el8','1'))}") echo "1 -1" ;;
	"%{lua:print(rpm.vercmp('1.el9','2.el9'))}") echo -1 ;;
	"%{lua:print(rpm.vercmp('3.el9','2.el9'))}") echo 1 ;;
	*) echo "error: no lua" >&2; exit 1 ;;
	esac ;;
*lost) echo "error: rpmdb open failed" >&2; echo "package lost is not installed?"; exit 1 ;;
*) echo "package $n is not installed"; exit 1 ;;
esac`}, "command -v dpkg-query", "false")
	atLeast := func(name, v string) *lab.PackageCheck {
		return &lab.PackageCheck{Name: name, Installed: true, AtLeast: v}
	}
	runRows(t, []row{
		{"installed", &lab.PackageCheck{Name: "openssl", Installed: true}, m, true, "openssl 1:1.1.1k-9.el8"},
		{"absent", &lab.PackageCheck{Name: "nginx", Installed: true}, m, false, "nginx is not installed"},
		{"error is not absent", &lab.PackageCheck{Name: "lost"}, m, false, "cannot tell whether lost is installed: rpm ends with exit code 1"},
		{"epoch decides", atLeast("openssl", "2:1.0"), m, false, "openssl is 1:1.1.1k-9.el8, want at least 2:1.0"},
		{"no Lua", atLeast("openssl", "9"), m, false, "rpm cannot compare versions 1.1.1k-9.el8 and 9"},
		{"epoch left out", atLeast("openssl", "3.0"), m, false, "openssl is 1:1.1.1k-9.el8, want at least 3.0"},
		{"version before release", atLeast("openssl", "1.1.1g-1"), m, true, "openssl 1:1.1.1k-9.el8, at least 1.1.1g-1"},
		{"release left out", atLeast("openssl", "1.1.1k"), m, true, "openssl 1:1.1.1k-9.el8, at least 1.1.1k"},
		{"one of several is enough", atLeast("kernel", "5.14.0-2.el9"), m, true, "kernel 5.14.0-3.el9, at least 5.14.0-2.el9"},
	})
}

func TestNoPackageManager(t *testing.T) {
	m := onHost(t, nil, "command -v", "false")
	want(t, make1(t, &lab.PackageCheck{Name: "curl"}, m, long), false, "cannot tell whether curl is installed: there is neither dpkg-query nor rpm")
}

func TestProgram(t *testing.T) {
	seen := func(programs string) *machine { return answers(t, lab.Windows, facts{"programs": programs}) }
	c := func(v string) *lab.PackageCheck {
		return &lab.PackageCheck{Name: "Bob’s 'App'", Installed: true, AtLeast: v}
	}
	runRows(t, []row{
		{"new enough", c("121.0.1"), seen("version 121.0.10"), true, "Bob’s 'App' 121.0.10, at least 121.0.1"},
		{"too old", c("121.0.2"), seen("version 121.0.1.9"), false, "Bob’s 'App' is 121.0.1.9, want at least 121.0.2"},
		{"no number", c("1"), seen("version v2"), false, `versions "v2" and "1" cannot be compared`},
		{"no version", c(""), seen("version "), true, "Bob’s 'App'"},
		{"absent", c(""), seen(""), false, "Bob’s 'App' is not installed"},
	})
}
