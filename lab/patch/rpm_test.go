package patch

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

func TestCompareRPM(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{ // most are from rpm's own tests
		{"1.0", "1.0", 0},
		{"1.0", "2.0", -1},
		{"2.0.1", "2.0", 1},
		{"2.0.1a", "2.0.1", 1},
		{"5.5p1", "5.5p10", -1},
		{"10xyz", "10.1xyz", -1},
		{"xyz10", "xyz10.1", -1},
		{"xyz.4", "8", -1},
		{"5.5p2", "5.6p1", -1},
		{"6.0.rc1", "6.0", 1},
		{"10b2", "10a1", 1},
		{"1.0010", "1.9", 1},
		{"1.05", "1.5", 0},
		{"1.0", "1", 1},
		{"2.50", "2.5", 1},
		{"fc4", "fc.4", 0},
		{"FC5", "fc4", -1},
		{"2a", "2.0", -1},
		{"4.999.9", "5.0", -1},
		{"20101121", "20101122", -1},
		{"2_0", "2.0", 0},
		{"a+", "a_", 0},
		{"+", "_", 0},
		{"1.0~rc1", "1.0", -1},
		{"1.0~rc1", "1.0~rc2", -1},
		{"1.0~rc1~git123", "1.0~rc1", -1},
		{"1.0^", "1.0", 1},
		{"1.0^git1", "1.0^git2", -1},
		{"1.0^git1", "1.01", -1},
		{"1.0^20160101", "1.0.1", -1},
		{"1.0~rc1^git1", "1.0~rc1", 1},
		{"1.0^git1~pre", "1.0^git1", -1},
		{"1:1.0-1", "2.0-1", 1},
		{"0:1.0-1", "1.0-1", 0},
		{"1.0-1", "1.0-2", -1},
		{"1.0", "1.0-2", 0},
		{"99999999999999999999999", "99999999999999999999998", 1},
		{"", "", 0},
		{"1", "", 1},
	} {
		if got := sign(compareRPM(c.a, c.b)); got != c.want {
			t.Errorf("%s against %s: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := sign(compareRPM(c.b, c.a)); got != -c.want {
			t.Errorf("%s against %s: %d, want %d", c.b, c.a, got, -c.want)
		}
	}
}

func sign(n int) int { return min(max(n, -1), 1) }

func FuzzCompareRPM(f *testing.F) {
	f.Add("1.0~rc1^git1-2", "1:1.0é-1")
	f.Fuzz(func(t *testing.T, a, b string) {
		if sign(compareRPM(a, b)) != -sign(compareRPM(b, a)) || compareRPM(a, a) != 0 {
			t.Fatal("not an order")
		}
	})
}

func FuzzRPMOutput(f *testing.F) {
	f.Add("arch x86_64\ntool rpm\npackage a.noarch 1-1\npackage gpg-pubkey.(none) 1-1\n")
	f.Add("plabtest\tnoarch\t1.0-1\tplabtest \t/bin/sh \n")
	f.Add("Transaction ID : 7\nCommand Line   : -y install\n               : /x\n")
	f.Fuzz(func(_ *testing.T, text string) {
		if st, err := parseRPMState(text); err == nil {
			_ = rpmChanges(rpmState{}, st)
			_ = namedThere("a=1", st)
		}
		_ = readRPMFiles(make([]rpmFile, 1), text)
		_ = findTransaction(text, "x")
		_ = rpmCause("rpm", text)
		_ = wayBack([]lab.PackageChange{{Name: text, From: text, To: "1 2"}})
	})
}

// hat is a machine with rpm before and after, the tools that it has, and what
// installing does there.
func hat(t *testing.T, tools, before, after string, install reply) *machine {
	state := func(packages string) string {
		text := "arch x86_64\n"
		for _, tool := range strings.Fields(tools) {
			text += "tool " + tool + "\n"
		}
		return text + "package gpg-pubkey.(none) 1-1\npackage base.x86_64 1:1-1\n" + packages
	}
	install.word = "install"
	if tools == "rpm" {
		install.word = "rpm -Uv"
	}
	return &machine{t: t, replies: []reply{
		{word: "rpm -qa", stdout: state(before), times: 1},
		{word: "rpm -qa", stdout: state(after)},
		{word: "rpm -qp", stdout: "plabtest\tnoarch\t2.0-1\tplabtest \t/bin/sh base \n"},
		install,
	}}
}

func rpmPatch(t *testing.T) *lab.Patch {
	return &lab.Patch{
		Name: "p", Kind: lab.PatchRPM, Timeout: time.Minute,
		Files: []string{write(t, filepath.Join(t.TempDir(), "it's; reboot.rpm"), testRPM(t))},
	}
}

const (
	pack1 = "package plabtest.noarch 1.0-1\n"
	pack2 = "package plabtest.noarch 2.0-1\n"
)

func TestApplyRPM(t *testing.T) {
	changed := []lab.PackageChange{{Name: "plabtest.noarch", From: "1.0-1", To: "2.0-1"}}
	for _, c := range []struct {
		name, tools, before, after string
		install                    reply
		installedOnly              bool
		status                     lab.PatchStatus
		message                    string
		changes                    []lab.PackageChange
	}{
		{"update", "dnf rpm", pack1, pack2, reply{}, false, lab.Applied, "installed plabtest.noarch 2.0-1", changed},
		{"new", "rpm", "", pack2, reply{}, false, lab.Applied, "installed plabtest.noarch 2.0-1", []lab.PackageChange{{Name: "plabtest.noarch", To: "2.0-1"}}},
		{"not installed", "dnf rpm", "", "", reply{}, true, lab.NotApplicable, "none of its packages is installed", nil},
		{"there", "dnf rpm", pack2, pack2, reply{}, true, lab.AlreadyInstalled, "every package is there in exactly this version", nil},
		{"newer", "dnf rpm", "package plabtest.noarch 10.0-1\n", "", reply{}, false, lab.PatchFailed, "the machine has plabtest.noarch in the newer version 10.0-1, the patch brings 2.0-1", nil},
		{"lies", "dnf rpm", pack1, pack1, reply{}, false, lab.PatchFailed, "dnf reports success, but plabtest.noarch is there in version 1.0-1, want 2.0-1", nil},
		{"dependency", "dnf rpm", pack1, pack1, reply{code: 1, stdout: "Error: \n Problem: conflicting requests\n  - nothing provides nosuchthing >= 2 needed by plabtest-2.0-1.noarch\n"}, false, lab.PatchFailed, "unmet dependency: nothing provides nosuchthing >= 2 needed by plabtest-2.0-1.noarch", nil},
		{"dependency of rpm", "rpm", pack1, pack1, reply{code: 1, stdout: "error: Failed dependencies:\n\tnosuchthing >= 2 is needed by plabtest-2.0-1.noarch\n"}, false, lab.PatchFailed, "unmet dependency: nosuchthing >= 2 is needed by plabtest-2.0-1.noarch", nil},
		{"script", "rpm", pack1, pack2, reply{stdout: "Preparing packages...\nwarning: %post(plabtest-2.0-1.noarch) scriptlet failed, exit status 3\n"}, false, lab.PatchFailed, "rpm reports success, but a script of a package failed: %post(plabtest-2.0-1.noarch) scriptlet failed, exit status 3", changed},
		{"script by zypper", "zypper rpm", pack1, pack2, reply{code: 107, stdout: "warning: %post(plabtest-2.0-1.noarch) scriptlet failed, exit status 3\n"}, false, lab.PatchFailed, "the packages are in, but a script of theirs failed: %post(plabtest-2.0-1.noarch) scriptlet failed, exit status 3", changed},
		{"zypper restarts", "zypper rpm", pack1, pack2, reply{code: 103}, false, lab.Applied, "installed plabtest.noarch 2.0-1; zypper itself was replaced and asks to be run again", changed},
		{"zypper skips", "zypper rpm", pack1, pack2, reply{code: 106}, false, lab.Applied, "installed plabtest.noarch 2.0-1; zypper left out repositories that it could not read", changed},
		{"zypper locked", "zypper rpm", pack1, pack1, reply{code: 7, stdout: "System management is locked by the application with pid 7.\n"}, false, lab.PatchFailed, "zypper is locked by another program: System management is locked by the application with pid 7.", nil},
		{"conflict", "dnf rpm", pack1, pack1, reply{code: 1, stdout: "Error: Transaction test error:\n  file /x from install of plabtest-2.0-1.noarch conflicts with file from package base-1-1.x86_64\n"}, false, lab.PatchFailed, "file /x from install of plabtest-2.0-1.noarch conflicts with file from package base-1-1.x86_64", nil},
		{"hangs", "dnf rpm", pack1, pack1, reply{err: &lab.GuestError{Err: &guest.TimeoutError{}}}, false, lab.PatchFailed, "did not finish within 1m0s and was killed", nil},
		{"silent", "dnf rpm", pack1, pack1, reply{code: 9}, false, lab.PatchFailed, "dnf failed without a word", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := hat(t, c.tools, c.before, c.after, c.install)
			p := rpmPatch(t)
			p.InstalledOnly = c.installedOnly
			out, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if out.Status != c.status || out.Message != c.message || !reflect.DeepEqual(out.Packages, c.changes) {
				t.Errorf("got %+v\nwant %s, %q, %+v", out, c.status, c.message, c.changes)
			}
			m.checkCleaned()
		})
	}
}

func TestRPMReboot(t *testing.T) {
	m := hat(t, "zypper rpm", pack1, pack2, reply{code: 102})
	out, err := Applier{}.Apply(t.Context(), rpmPatch(t), m, nil, nil)
	if err != nil || out.Status != lab.Applied || !out.RebootNeeded || out.ExitCode != 102 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestRPMCommands(t *testing.T) {
	for tools, want := range map[string]string{
		"dnf yum rpm": "dnf -y '--disablerepo=*' install /var/lib/patchlab-stage/",
		"yum rpm":     "yum -y '--disablerepo=*' install /var/lib/patchlab-stage/",
		"zypper rpm":  "zypper --non-interactive --no-refresh --no-remote install --allow-unsigned-rpm --no-recommends --auto-agree-with-licenses /var/lib/patchlab-stage/",
		"rpm":         "{ rpm -Uv -- /var/lib/patchlab-stage/",
	} {
		m := hat(t, tools, pack1, pack2, reply{})
		if _, err := (Applier{}).Apply(t.Context(), rpmPatch(t), m, nil, nil); err != nil {
			t.Fatal(err)
		}
		c, _ := m.ran(want[:8])
		if !strings.HasPrefix(c.Shell, want) || !strings.Contains(c.Shell, "/001_it_s_reboot.rpm") || !strings.HasSuffix(c.Shell, " </dev/null") || c.Timeout != time.Minute {
			t.Errorf("%s: ran %+v", tools, c)
		}
	}
	kernel := rpmFile{name: "kernel-core", staged: "/k"}
	module := rpmFile{name: "kmod-x", staged: "/m", provides: []string{"installonlypkg(kernel-module)"}}
	if got := rpmInstall("rpm", []rpmFile{kernel, {name: "a", staged: "/a"}, module}); got != "{ rpm -Uv -- /a && rpm -iv -- /k /m; }" {
		t.Errorf("kernels: %s", got)
	}
}

func TestRPMNotApplicable(t *testing.T) {
	for want, c := range map[string]struct {
		kind  lab.PatchKind
		state string
	}{
		"the machine has no rpm":                                    {lab.PatchRPM, ""},
		"the machine has no dnf":                                    {lab.PatchDNF, "arch x86_64\ntool zypper\ntool rpm\n"},
		"the machine has no zypper":                                 {lab.PatchZypper, "arch x86_64\ntool dnf\ntool rpm\n"},
		"its packages are for noarch, s390x, the machine is x86_64": {lab.PatchRPM, "arch x86_64\ntool rpm\n"},
	} {
		p := rpmPatch(t)
		p.Kind = c.kind
		p.Files = append(p.Files, p.Files[0])
		m := &machine{t: t, replies: []reply{{word: "rpm -qa", stdout: c.state}, {word: "rpm -qp", stdout: strings.Repeat("a\ts390x\t1-1\t\t\n", 2)}}}
		out, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		if err != nil || out.Status != lab.NotApplicable || out.Message != strings.Replace(want, "noarch, ", "", 1) || out.Started {
			t.Errorf("%s: %+v, %v", want, out, err)
		}
	}
}

func TestRPMOddAnswers(t *testing.T) {
	for name, m := range map[string]*machine{
		"state": {t: t, replies: []reply{{word: "rpm -qa", stdout: "arch x86_64\ntool rpm\nwarning: \x1b]\n"}}},
		"files": {t: t, replies: []reply{{word: "rpm -qa", stdout: "arch x86_64\ntool rpm\n"}, {word: "rpm -qp", stdout: "a\tb\n"}}},
		"count": {t: t, replies: []reply{{word: "rpm -qa", stdout: "arch x86_64\ntool rpm\n"}, {word: "rpm -qp", stdout: "a\tnoarch\t1-1\t\t\nb\tnoarch\t1-1\t\t\n"}}},
	} {
		var guestErr *lab.GuestError
		if _, err := (Applier{}).Apply(t.Context(), rpmPatch(t), m, nil, nil); !errors.As(err, &guestErr) || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%s: error %v", name, err)
		}
	}
	m := &machine{t: t, replies: []reply{{word: "rpm -qa", stdout: "arch x86_64\ntool rpm\n"}, {word: "rpm -qp", code: 1}}}
	if out, err := (Applier{}).Apply(t.Context(), rpmPatch(t), m, nil, nil); err != nil || out.Status != lab.PatchFailed {
		t.Errorf("a file that rpm cannot read: %+v, %v", out, err)
	}
}

func TestChooseRPMs(t *testing.T) {
	st := rpmState{arch: "x86_64", packages: map[string][]string{"a.x86_64": {"1-1"}, "kernel-core.x86_64": {"5-1", "6-1"}, "data.x86_64": {"1-1"}}}
	file := func(name, arch, version string, requires ...string) rpmFile {
		return rpmFile{name: name, arch: arch, version: version, staged: "/" + name + arch + version, provides: []string{name}, requires: requires}
	}
	for _, c := range []struct {
		name          string
		files         []rpmFile
		installedOnly bool
		want          string
	}{
		{"other architecture left out", []rpmFile{file("a", "x86_64", "2-1"), file("a", "aarch64", "2-1")}, false, "/ax86_642-1"},
		{"32 bits beside", []rpmFile{file("a", "x86_64", "2-1"), file("a", "i686", "2-1")}, false, "/ax86_642-1 /ai6862-1"},
		{"only what is there", []rpmFile{file("a", "x86_64", "2-1", "lib"), file("b", "x86_64", "2-1"), file("lib", "noarch", "1-1", "more"), file("more", "noarch", "1-1")}, true, "/ax86_642-1 /libnoarch1-1 /morenoarch1-1"},
		{"becomes noarch", []rpmFile{file("data", "noarch", "2-1")}, true, "/datanoarch2-1"},
		{"older kernel", []rpmFile{file("kernel-core", "x86_64", "5-2")}, false, "/kernel-corex86_645-2"},
		{"twice", []rpmFile{file("a", "x86_64", "2-1"), file("a", "x86_64", "3-1")}, false, "failed"},
		{"older", []rpmFile{file("a", "x86_64", "0.9-1")}, false, "failed"},
		{"there", []rpmFile{file("a", "x86_64", "1-1"), file("kernel-core", "x86_64", "5-1")}, false, "already-installed"},
	} {
		chosen, outcome := chooseRPMs(c.files, st, c.installedOnly)
		var got []string
		for _, p := range chosen {
			got = append(got, p.staged)
		}
		text := strings.Join(got, " ")
		if outcome != nil {
			text = string(outcome.Status)
		}
		if text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}

func TestNamedRPMs(t *testing.T) {
	st := rpmState{arch: "x86_64", packages: map[string][]string{"lib.x86_64": {"3-1"}}}
	list := []rpmFile{
		{name: "a", arch: "x86_64", version: "1:1.0-1", staged: "a1", requires: []string{"lib"}},
		{name: "a", arch: "x86_64", version: "1:2.0-1", staged: "a2", requires: []string{"lib", "new"}},
		{name: "a", arch: "s390x", version: "1:3.0-1", staged: "a3"},
		{name: "lib", arch: "x86_64", version: "2-1", staged: "lib"},
		{name: "new", arch: "noarch", version: "2-1", staged: "new"},
		{name: "other", arch: "noarch", version: "2-1", staged: "other"},
	}
	for text, want := range map[string]string{"a": "a2 new", "a=1.0": "a1", "a=1:1.0-1": "a1", "a=1.0-1": "a1", "lib": "lib", "a=3.0": "the bundle has no package a=3.0 for x86_64"} {
		chosen, outcome := namedRPMs(list, st, []string{text})
		var got []string
		for _, p := range chosen {
			got = append(got, p.staged)
		}
		if outcome != nil {
			got = []string{outcome.Message}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %s", text, got, want)
		}
	}
}

func TestRPMFromBundle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	b := testBundle(t, dir, "dnf", "x.rpm", testRPM(t), "plabtest")
	p := &lab.Patch{Name: "dnf:plabtest", Kind: lab.PatchDNF, Packages: []string{"plabtest"}, Bundle: dir, Timeout: time.Minute}
	m := hat(t, "dnf rpm", pack1, pack2, reply{}) // "web", which the bundle does not know
	out, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
	if err != nil || out.Status != lab.Applied || len(m.uploads) != 1 {
		t.Errorf("%+v, %v, %d uploads", out, err, len(m.uploads))
	}
	in, message, err := Applier{}.Confirm(t.Context(), p, m, out)
	if !in || message != "rpm has plabtest.noarch 2.0-1" || err != nil {
		t.Errorf("%t, %q, %v", in, message, err)
	}
	if v, err := previousRPM(dir, wantedRPM{"plabtest.noarch", "1.0-1"}); err != nil || v != filepath.Join(b.Dir, "x.rpm") {
		t.Errorf("%s, %v", v, err)
	}
}

func TestRPMFromRepositories(t *testing.T) {
	p := &lab.Patch{Name: "dnf:plabtest", Kind: lab.PatchDNF, Packages: []string{"plabtest=2.0"}, Timeout: time.Minute, InstalledOnly: true}
	for _, c := range []struct {
		before, after string
		install       reply
		status        lab.PatchStatus
		message       string
	}{
		{"", "", reply{}, lab.NotApplicable, "none of its packages is installed"},
		{pack2, pack2, reply{}, lab.AlreadyInstalled, "there is nothing newer than plabtest.noarch 2.0-1"},
		{pack2, pack2, reply{code: 1, stdout: "Error: Failed to download metadata for repo 'base': Cannot download repomd.xml\n"}, lab.PatchFailed, "without a bundle the machine's own repositories are used: Failed to download metadata for repo 'base': Cannot download repomd.xml"},
		{pack2, pack2, reply{code: 1, stdout: `Error: There are no enabled repositories in "/etc/yum.repos.d".` + "\n"}, lab.PatchFailed, `without a bundle the machine's own repositories are used: There are no enabled repositories in "/etc/yum.repos.d".`},
	} {
		m := hat(t, "dnf rpm", c.before, c.after, c.install)
		out, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		if err != nil || out.Status != c.status || out.Message != c.message {
			t.Errorf("%+v, %v; want %q", out, err, c.message)
		}
		if cmd, ran := m.ran("dnf -y install"); ran && !strings.Contains(cmd.Shell, "dnf -y install plabtest-2.0 ") {
			t.Errorf("ran %s", cmd.Shell)
		}
	}
}

func TestConfirmRPM(t *testing.T) {
	for after, want := range map[string]string{
		pack2:                             "rpm has plabtest.noarch 2.0-1",
		"package plabtest.noarch 3.0-1\n": "rpm has plabtest.noarch 3.0-1",
		pack1:                             "plabtest.noarch is there in version 1.0-1, want 2.0-1",
		"":                                "plabtest.noarch is not installed, want 2.0-1",
	} {
		m := hat(t, "dnf rpm", after, "", reply{})
		o := lab.PatchOutcome{Status: lab.Applied, Undo: rpmUndo{want: []wantedRPM{{"plabtest.noarch", "2.0-1"}}}}
		in, message, err := Applier{}.Confirm(t.Context(), rpmPatch(t), m, o)
		if err != nil || message != want || in != strings.HasPrefix(want, "rpm has") {
			t.Errorf("%t, %q, %v; want %q", in, message, err, want)
		}
	}
}

func TestWayBack(t *testing.T) {
	got := wayBack([]lab.PackageChange{
		{Name: "a.x86_64", From: "1:1-1", To: "1:2-1"},
		{Name: "new.noarch", To: "1-1"},
		{Name: "gone.noarch", From: "1-1"},
		{Name: "kernel.x86_64", From: "5-1", To: "5-1 6-1"},
		{Name: "core.x86_64", From: "4-1 5-1", To: "5-1 6-1"},
	})
	want := rpmWayBack{
		old:    []wantedRPM{{"a.x86_64", "1:1-1"}, {"gone.noarch", "1-1"}},
		beside: []wantedRPM{{"core.x86_64", "4-1"}},
		remove: []string{"new-1-1.noarch", "kernel-6-1.x86_64", "core-6-1.x86_64"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	steps := rpmReplace("dnf", []string{"/a", "/g", "/c"}, got)
	if steps != "{ rpm -ev --nodeps -- new-1-1.noarch kernel-6-1.x86_64 core-6-1.x86_64 && rpm -Uv --oldpackage -- /a /g && rpm -iv --oldpackage -- /c; }" {
		t.Errorf("steps %s", steps)
	}
}

func TestBackoutRPM(t *testing.T) {
	update := []lab.PackageChange{{Name: "plabtest.noarch", From: "1.0-1", To: "2.0-1"}}
	fresh := []lab.PackageChange{{Name: "plabtest.noarch", To: "2.0-1"}}
	info := "Transaction ID : 12\nBegin time     : Mon Jan 1\nCommand Line   : -y --disablerepo=* install\n               : /var/lib/patchlab-stage/XYZ/001_a.rpm\n"
	old := "/var/cache/dnf/base-1/packages/plabtest-1.0-1.noarch.rpm"
	for _, c := range []struct {
		name, tools, before, after string
		undo                       rpmUndo
		replies                    []reply
		status                     lab.BackoutStatus
		message, command           string
	}{
		{"history", "dnf rpm", pack2, "", rpmUndo{tool: "dnf", mark: "/var/lib/patchlab-stage/XYZ", changes: fresh}, []reply{{word: "info last", stdout: info}}, lab.TakenOut, "every package is as it was before the patch", "dnf -y '--disablerepo=*' history undo 12 "},
		{"another's transaction", "dnf rpm", pack2, "", rpmUndo{tool: "dnf", mark: "/var/lib/patchlab-stage/ABC", changes: fresh}, []reply{{word: "info last", stdout: info}}, lab.TakenOut, "every package is as it was before the patch", "{ rpm -ev --nodeps -- plabtest-2.0-1.noarch; }"},
		{"from the cache", "dnf rpm", pack2, pack1, rpmUndo{tool: "dnf", changes: update}, []reply{{word: "/var/cache/dnf", stdout: old + "\n"}}, lab.TakenOut, "every package is as it was before the patch", "dnf -y '--disablerepo=*' downgrade " + old},
		{"by zypper", "zypper rpm", pack2, pack1, rpmUndo{tool: "zypper", changes: update}, []reply{{word: "/var/cache/dnf", stdout: old + "\n"}}, lab.TakenOut, "every package is as it was before the patch", "zypper --non-interactive --no-refresh --no-remote install --allow-unsigned-rpm --no-recommends --auto-agree-with-licenses --oldpackage " + old},
		{"by rpm", "rpm", pack2, pack1, rpmUndo{tool: "rpm", changes: update}, []reply{{word: "/var/cache/dnf", stdout: old + "\n"}}, lab.TakenOut, "every package is as it was before the patch", "{ rpm -Uv --oldpackage -- " + old},
		{"from nowhere", "dnf rpm", pack2, pack2, rpmUndo{tool: "dnf", changes: update}, nil, lab.CannotTakeOut, "the packages that were there before are neither in the patch's bundle nor in the machine's cache: plabtest-1.0-1.noarch", ""},
		{"without effect", "dnf rpm", pack2, pack2, rpmUndo{tool: "dnf", changes: update}, []reply{{word: "/var/cache/dnf", stdout: old + "\n"}}, lab.BackoutFailed, "plabtest.noarch is there in version 2.0-1, it was 1.0-1 before the patch", "dnf -y"},
		{"refused", "rpm", pack2, pack2, rpmUndo{tool: "rpm", changes: fresh}, []reply{{word: "rpm -ev", code: 1, stdout: "error: Failed dependencies:\n\tplabtest is needed by x-1-1.noarch\n"}}, lab.BackoutFailed, "unmet dependency: plabtest is needed by x-1-1.noarch", "{ rpm -ev"},
		{"nothing to do", "rpm", pack2, pack2, rpmUndo{tool: "rpm"}, nil, lab.NotBackedOut, "the patch changed no package", ""},
	} {
		m := hat(t, c.tools, c.before, c.after, reply{})
		m.replies = slices.Concat(c.replies, m.replies)
		out, err := Applier{}.Backout(t.Context(), rpmPatch(t), m, lab.PatchOutcome{Status: lab.Applied, Undo: c.undo}, nil, nil)
		if err != nil || out.Status != c.status || out.Message != c.message {
			t.Errorf("%s: %+v, %v; want %q", c.name, out, err, c.message)
		}
		if _, ran := m.ran(c.command); !ran && c.command != "" {
			t.Errorf("%s: %q was not run", c.name, c.command)
		}
		m.checkCleaned()
	}
}
