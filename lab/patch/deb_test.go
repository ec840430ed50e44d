package patch

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

const (
	installed = "install ok installed"
	noDeb     = "base:amd64\t1\t" + installed + "\n"
)

// with is the state of a machine that has plabtest in a version.
func with(version, status, audit string) string {
	return noDeb + "plabtest:all\t" + version + "\t" + status + "\n\n" + audit
}

// deban is a Debian machine before and after apt, and what apt does.
func deban(t *testing.T, before, after string, apt reply) *machine {
	apt.word = "apt-get"
	return &machine{t: t, replies: []reply{
		{word: "--showformat", stdout: before, times: 1},
		{word: "--showformat", stdout: after},
		{word: "--print-architecture", stdout: "amd64\ni386\n"},
		{word: "compare()", stdout: sameContent},
		{word: "dpkg-deb --field", stdout: "Package: plabtest\nVersion: 2.0\nArchitecture: all\nDepends: libc6 (>= 2)\n"},
		apt,
	}}
}

// sameContent is what contentScript prints of a package that is installed as
// it is in the file.
const sameContent = "=control\n11  control\n22  postinst\n=info\n22  /var/lib/dpkg/info/plabtest.postinst\n99  /var/lib/dpkg/info/plabtest.list\n=files\n33  ./usr/share/x\n\n=installed\n33  usr/share/x\n\n"

func debPatch(t *testing.T) *lab.Patch {
	return &lab.Patch{
		Name: "p", Kind: lab.PatchDeb, Timeout: time.Minute,
		Files: []string{write(t, filepath.Join(t.TempDir(), "it's; reboot.deb"), testDeb(t))},
	}
}

func TestApplyDebs(t *testing.T) {
	late := &lab.GuestError{Machine: "web", Op: "run a command on", Err: &guest.TimeoutError{Limit: time.Minute}}
	for _, c := range []struct {
		name          string
		before, after string
		apt           reply
		installedOnly bool
		status        lab.PatchStatus
		message       string
		changes       []lab.PackageChange
	}{
		{"upgrade", with("1.0", installed, ""), with("2.0", installed, ""), reply{}, true, lab.Applied, "installed plabtest 2.0", []lab.PackageChange{{Name: "plabtest:all", From: "1.0", To: "2.0"}}},
		{"new", noDeb, with("2.0", installed, ""), reply{}, false, lab.Applied, "installed plabtest 2.0", []lab.PackageChange{{Name: "plabtest:all", To: "2.0"}}},
		{"there already", with("2.0", installed, ""), "", reply{}, false, lab.AlreadyInstalled, "every package is there in exactly this version", nil},
		{"there on hold", with("2.0", "hold ok installed", ""), "", reply{}, false, lab.AlreadyInstalled, "every package is there in exactly this version", nil},
		{"only where installed", noDeb, "", reply{}, true, lab.NotApplicable, "none of its packages is installed", nil},
		{"removed with its configuration left", with("1.0", "deinstall ok config-files", ""), "", reply{}, true, lab.NotApplicable, "none of its packages is installed", nil},
		{"no dpkg", "", "", reply{}, false, lab.NotApplicable, "the machine has no dpkg", nil},
		{"half there", with("2.0", "install ok half-configured", "x"), with("2.0", installed, ""), reply{}, false, lab.Applied, "installed plabtest 2.0", nil},
		{"apt fails", with("1.0", installed, ""), with("2.0", "install ok half-configured", "plabtest is half"), reply{code: 100, stdout: brokenPostinst}, false, lab.PatchFailed, "dpkg: error processing package plabtest (--configure): installed plabtest package post-installation script subprocess returned error exit status 7; its last words: about to fail", []lab.PackageChange{{Name: "plabtest:all", From: "1.0", To: "2.0"}}},
		{"apt lies", with("1.0", installed, ""), with("1.0", installed, ""), reply{}, false, lab.PatchFailed, `apt-get reports success, but plabtest:all is "install ok installed" in version 1.0, want 2.0`, nil},
		{"apt lies about the state", with("1.0", installed, ""), with("2.0", "install ok unpacked", ""), reply{}, false, lab.PatchFailed, `apt-get reports success, but plabtest:all is "install ok unpacked" in version 2.0, want 2.0`, []lab.PackageChange{{Name: "plabtest:all", From: "1.0", To: "2.0"}}},
		{"audit", with("1.0", installed, ""), with("2.0", installed, "The following packages\n other  broken\n"), reply{}, false, lab.PatchFailed, "apt-get reports success, but dpkg finds faults: The following packages other broken", []lab.PackageChange{{Name: "plabtest:all", From: "1.0", To: "2.0"}}},
		{"audit as before", with("1.0", installed, "other broken\n"), with("2.0", installed, "other broken\n"), reply{}, false, lab.Applied, "installed plabtest 2.0", []lab.PackageChange{{Name: "plabtest:all", From: "1.0", To: "2.0"}}},
		{"hangs", with("1.0", installed, ""), with("1.0", installed, ""), reply{stdout: "Setting up plabtest\x1b[0m ...\n", err: late}, false, lab.PatchFailed, "did not finish within 1m0s and was killed; its last output: Setting up plabtest ...", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := deban(t, c.before, c.after, c.apt)
			p := debPatch(t)
			p.InstalledOnly = c.installedOnly
			var log bytes.Buffer
			out, err := Applier{}.Apply(t.Context(), p, m, &log, nil)
			if err != nil {
				t.Fatal(err)
			}
			if out.Status != c.status || out.Message != c.message || !reflect.DeepEqual(out.Packages, c.changes) {
				t.Errorf("got %+v\nwant %s, %q, %+v", out, c.status, c.message, c.changes)
			}
			if log.String() != c.apt.stdout {
				t.Errorf("log %q, want all that apt printed", log.String())
			}
			m.checkCleaned()
		})
	}
}

// TestReinstallThatDoesNothing: the same version with other content is there,
// and apt says that it installed the file.
func TestReinstallThatDoesNothing(t *testing.T) {
	m := deban(t, with("2.0", installed, ""), with("2.0", installed, ""), reply{})
	m.replies[3].stdout = strings.Replace(sameContent, "33  ./usr", "44  ./usr", 1)
	out, err := Applier{}.Apply(t.Context(), debPatch(t), m, nil, nil)
	if err != nil || out.Status != lab.PatchFailed || out.Message != "apt-get reports success, but plabtest:all has the content that it had before" {
		t.Errorf("%+v, %v", out, err)
	}
	if c, _ := m.ran("apt-get"); !strings.Contains(c.Shell, "--reinstall") {
		t.Errorf("ran %s", c.Shell)
	}
}

func TestAptIsKeptToTheFiles(t *testing.T) {
	m := deban(t, with("1.0", installed, ""), with("2.0", installed, ""), reply{})
	if _, err := (Applier{}).Apply(t.Context(), debPatch(t), m, nil, nil); err != nil {
		t.Fatal(err)
	}
	c, ok := m.ran("apt-get")
	if !ok {
		t.Fatal("apt-get was not run")
	}
	for _, want := range []string{
		" -y ", "Dir::Etc::SourceList=/dev/null", "Dir::Etc::SourceParts=/dev/null", "--force-confold",
		" install -- /var/lib/patchlab-stage/", "/001_it_s_reboot.deb", "</dev/null",
	} {
		if !strings.Contains(c.Shell, want) {
			t.Errorf("%s lacks %q", c.Shell, want)
		}
	}
	if strings.Contains(c.Shell, "downgrade") || c.Env["DEBIAN_FRONTEND"] != "noninteractive" || c.Timeout != time.Minute {
		t.Errorf("command %+v", c)
	}
	for dst, content := range m.uploads {
		if content != testDeb(t) || m.modes[dst] != 0o644 {
			t.Errorf("%s was uploaded wrongly", dst)
		}
	}
}

func TestApplyDebsErrors(t *testing.T) {
	lost := &lab.GuestError{Machine: "web", Op: "run a command on", Err: guest.ErrConnectionLost}
	for name, m := range map[string]*machine{
		"connection lost in apt": deban(t, with("1.0", installed, ""), "", reply{err: lost}),
		"lost before":            {t: t, replies: []reply{{word: "--showformat", err: lost}}},
		"upload":                 {t: t, upload: lost, replies: []reply{{word: "--showformat", stdout: noDeb}}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Applier{}.Apply(t.Context(), debPatch(t), m, nil, nil)
			if !errors.Is(err, guest.ErrConnectionLost) || out.Status != "" {
				t.Errorf("%+v, error %v", out, err)
			}
			m.checkCleaned()
		})
	}
	odd := &machine{t: t, replies: []reply{{word: "--showformat", stdout: "base\x1b\n"}}}
	var guestErr *lab.GuestError
	if _, err := (Applier{}).Apply(t.Context(), debPatch(t), odd, nil, nil); !errors.As(err, &guestErr) || strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("dpkg's list cannot be read: error %v", err)
	}
}

func TestApplyDebsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := deban(t, with("1.0", installed, ""), "", reply{err: &lab.GuestError{Err: &guest.TimeoutError{}}})
	if _, err := (Applier{}).Apply(ctx, debPatch(t), m, nil, nil); err == nil {
		t.Error("a timeout in an interrupted run was taken for an outcome")
	}
	m.checkCleaned()
}

func TestFileThatDpkgCannotRead(t *testing.T) {
	m := deban(t, noDeb, "", reply{})
	m.replies[4] = reply{word: "dpkg-deb --field", code: 2}
	out, err := Applier{}.Apply(t.Context(), debPatch(t), m, nil, nil)
	if err != nil || out.Status != lab.PatchFailed || !strings.HasPrefix(out.Message, "it's; reboot.deb is no package that dpkg can read") {
		t.Errorf("%+v, error %v", out, err)
	}
	if _, ok := m.ran("apt-get"); ok {
		t.Error("it was given to apt")
	}
}

func TestUnknownKind(t *testing.T) {
	m := &machine{t: t}
	if _, err := (Applier{}).Apply(t.Context(), &lab.Patch{Name: "p", Kind: "msx"}, m, nil, nil); err == nil || len(m.commands) != 0 {
		t.Errorf("error %v, %d commands", err, len(m.commands))
	}
}
