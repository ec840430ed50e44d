package patch

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

func TestEveryKindHasItsRow(t *testing.T) {
	for _, k := range []lab.PatchKind{
		lab.PatchDeb, lab.PatchApt, lab.PatchRPM, lab.PatchDNF, lab.PatchZypper, lab.PatchScript, lab.PatchFile,
		lab.PatchMSU, lab.PatchCAB, lab.PatchMSP, lab.PatchMSI, lab.PatchEXE, lab.PatchBatch,
	} {
		if row, ok := kinds()[k]; !ok || row.apply == nil || row.confirm == nil || row.backout == nil {
			t.Errorf("kind %q has the row %+v", k, row)
		}
	}
}

func TestKindsForAnotherSystem(t *testing.T) {
	for _, c := range []struct {
		kind lab.PatchKind
		os   lab.OS
		want string
	}{
		{lab.PatchMSU, lab.Linux, `a patch of kind "msu" is for Windows machines, this one runs Linux`},
		{lab.PatchDeb, lab.Windows, `a patch of kind "deb" is for Linux machines, this one runs Windows`},
		{lab.PatchZypper, lab.Windows, `a patch of kind "zypper" is for Linux machines, this one runs Windows`},
	} {
		m := &machine{t: t, os: c.os}
		out, err := Applier{}.Apply(t.Context(), &lab.Patch{Kind: c.kind}, m, nil, nil)
		if err != nil || out.Status != lab.NotApplicable || out.Message != c.want || len(m.commands) != 0 {
			t.Errorf("%+v, %v, want %q", out, err, c.want)
		}
	}
}

func TestConfirmAndBackoutOnlyWhatIsIn(t *testing.T) {
	p := &lab.Patch{Kind: lab.PatchDeb}
	for _, s := range []lab.PatchStatus{lab.NotApplicable, lab.PatchFailed, ""} {
		m := &machine{t: t}
		in, message, err := Applier{}.Confirm(t.Context(), p, m, lab.PatchOutcome{Status: s})
		if in || message != "the patch was not applied" || err != nil {
			t.Errorf("%q is confirmed: %t, %q, %v", s, in, message, err)
		}
		out, err := Applier{}.Backout(t.Context(), p, m, lab.PatchOutcome{Status: s}, nil, nil)
		if out.Status != lab.NotBackedOut || err != nil || len(m.commands) != 0 {
			t.Errorf("%q is taken out: %+v, %v", s, out, err)
		}
	}
	in, message, err := Applier{}.Confirm(t.Context(), p, &machine{t: t}, lab.PatchOutcome{Status: lab.Applied})
	if in || message != "it is not known which packages the patch installed" || err != nil {
		t.Errorf("%t, %q, %v", in, message, err)
	}
}

func TestConfirmDebs(t *testing.T) {
	p := &lab.Patch{Kind: lab.PatchDeb}
	o := lab.PatchOutcome{Status: lab.Applied, Undo: &debUndo{want: []deb{{name: "plabtest", arch: "all", version: "2.0"}}, audit: "old fault"}}
	for _, c := range []struct {
		name, state string
		in          bool
		message     string
	}{
		{"in", with("2.0", installed, "old fault\n"), true, "plabtest 2.0 installed"},
		{"gone", noDeb, false, `plabtest:all is "" in version none, want 2.0`},
		{"another version", with("1.0\x1b[0m", installed, ""), false, `plabtest:all is "install ok installed" in version 1.0, want 2.0`},
		{"half", with("2.0", "install ok half-configured", ""), false, `plabtest:all is "install ok half-configured" in version 2.0, want 2.0`},
		{"new faults", with("2.0", installed, "secret is broken\n"), false, "dpkg finds faults: (sensitive) is broken"},
	} {
		m := &machine{t: t, replies: []reply{{word: "--showformat", stdout: c.state}}}
		a := Applier{Redact: func(s string) string { return strings.ReplaceAll(s, "secret", "(sensitive)") }}
		in, message, err := a.Confirm(t.Context(), p, m, o)
		if in != c.in || message != c.message || err != nil {
			t.Errorf("%s: %t, %q, %v; want %t, %q", c.name, in, message, err, c.in, c.message)
		}
	}
}

func TestBackoutDebsErrors(t *testing.T) {
	lost := &lab.GuestError{Machine: "web", Op: "run a command on", Err: guest.ErrConnectionLost}
	late := &lab.GuestError{Machine: "web", Op: "run a command on", Err: &guest.TimeoutError{Limit: time.Minute}}
	cached := reply{word: "for f in ", stdout: packageCache + "/plabtest_1.0_all.deb\n"}
	now, back := reply{word: "--showformat", stdout: with("2.0", installed, ""), times: 1}, reply{word: "--showformat", stdout: with("1.0", installed, "")}
	stays := reply{word: "--showformat", stdout: with("2.0", installed, "")}
	breaks := reply{word: "--showformat", stdout: "base:amd64\t1\t" + installed + "\n"}
	for _, c := range []struct {
		name    string
		replies []reply
		status  lab.BackoutStatus
		message string
	}{
		{"good", []reply{cached, {word: "apt-get"}, now, back}, lab.TakenOut, "every package is as before: 1 went back, 0 removed"},
		{"fails", []reply{cached, {word: "apt-get", code: 100, stdout: "E: No space left on device\n"}, now, stays}, lab.BackoutFailed, "the machine's disk is full: No space left on device"},
		{"late", []reply{cached, {word: "apt-get", err: late}, now, stays}, lab.BackoutFailed, "did not finish within 1m0s and was killed"},
		{"lies", []reply{cached, {word: "apt-get"}, now, stays}, lab.BackoutFailed, "apt-get reports success, but plabtest:all is there in version 2.0, before the patch it was 1.0"},
		{"removes more", []reply{cached, {word: "apt-get"}, now, breaks}, lab.BackoutFailed, "apt-get reports success, but plabtest:all is there in version none, before the patch it was 1.0"},
		{"connection lost", []reply{cached, {word: "apt-get", err: lost}, now}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &machine{t: t, replies: c.replies}
			p := &lab.Patch{Kind: lab.PatchDeb, Timeout: time.Minute}
			o := lab.PatchOutcome{Status: lab.Applied, Packages: []lab.PackageChange{{Name: "plabtest:all", From: "1.0", To: "2.0"}}}
			out, err := Applier{}.Backout(t.Context(), p, m, o, nil, nil)
			if out.Status != c.status || out.Message != c.message || (err != nil) != (c.status == "") || err != nil && !errors.Is(err, guest.ErrConnectionLost) {
				t.Errorf("%+v, %v; want %s, %q", out, err, c.status, c.message)
			}
			if cmd, ok := m.ran("apt-get"); !ok || !strings.Contains(cmd.Shell, "--allow-downgrades --allow-change-held-packages install -- "+packageCache+"/plabtest_1.0_all.deb </dev/null") || cmd.Env["DEBIAN_FRONTEND"] != "noninteractive" {
				t.Errorf("ran %+v", cmd)
			}
			m.checkCleaned()
		})
	}
}

func TestRemovals(t *testing.T) {
	now := state{packages: map[string]pkg{}}
	change := func(name, from, to string) lab.PackageChange {
		if to != "" {
			now.packages[name] = pkg{to, installed}
		}
		return lab.PackageChange{Name: name, From: from, To: to}
	}
	changes := []lab.PackageChange{
		change("linux-image-6.1.0-56-cloud-amd64:amd64", "", "6.1.192-2"), // the kernel that runs
		change("linux-image-cloud-amd64:amd64", "6.1.176-1", "6.1.192-2"),
		change("g++:amd64", "", "1"), change("doc:all", "", "1"),
		change("lib:amd64", "1", "2"), change("lib:i386", "", "2"), // another architecture came along
		change("moved:amd64", "1", ""), change("moved:all", "", "2"), // the same package in another architecture
	}
	got := fmt.Sprint(removals(changes, now))
	if want := "[linux-image-6.1.0-56-cloud-amd64:amd64- g++:amd64- doc- lib:i386-]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var need []string
	for _, d := range previous(changes, now, nil) {
		need = append(need, d.id()+"="+d.version)
	}
	if want := "[lib:amd64=1 linux-image-cloud-amd64:amd64=6.1.176-1 moved:amd64=1]"; fmt.Sprint(need) != want {
		t.Errorf("got %s, want %s", need, want)
	}
}
