package lab_test

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// printed is a lab whose fingerprint is taken.
func printed(t *testing.T) *lab.Lab {
	t.Helper()
	file := filepath.Join(t.TempDir(), "schema.sql")
	if err := os.WriteFile(file, []byte("create table a"), 0o600); err != nil {
		t.Fatal(err)
	}
	image := &lab.Image{Name: "server", OS: lab.Linux, Build: &lab.Build{Distro: "debian", Release: "bookworm"}}
	office := &lab.Network{Name: "office", Subnet: netip.MustParsePrefix("192.168.1.0/24"), Gateway: netip.MustParseAddr("192.168.1.1")}
	db := &lab.Machine{
		Name: "db", Image: image, MemoryMiB: 512, NICs: []lab.NIC{{Network: office, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}}},
		Setup: &lab.Setup{Uploads: []lab.Upload{{Source: file, Dest: "/root/schema.sql"}}, Run: []string{"login --password s3cret-word"}},
	}
	web := &lab.Machine{Name: "web", Image: image, DependsOn: []*lab.Machine{db}, NICs: []lab.NIC{{Network: office}}}
	p := &lab.Patch{Name: "good", Kind: lab.PatchDeb, Files: []string{"/a/x.deb"}, Targets: []*lab.Machine{web}, VerifyReboot: true}
	return &lab.Lab{
		Name: "dental", Dir: "/somewhere", Images: []*lab.Image{image}, Networks: []*lab.Network{office}, Machines: []*lab.Machine{db, web},
		Patches: []*lab.Patch{p},
		Checks:  []*lab.Check{{Name: "page", From: db, Timeout: time.Minute, Spec: &lab.HTTPCheck{URL: "http://www/"}}},
		Secrets: []string{"s3cret-word"},
	}
}

func fingerprint(t *testing.T, l *lab.Lab) lab.Fingerprint {
	t.Helper()
	f, err := l.Fingerprint(l.Patches[0])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFingerprintSeesEachChange(t *testing.T) {
	for part, change := range map[string]func(l *lab.Lab){
		`image "server"`:   func(l *lab.Lab) { l.Images[0].Build.Packages = []string{"nginx"} },
		`network "office"`: func(l *lab.Lab) { l.Networks[0].MTU = 1400 },
		`machine "web"`:    func(l *lab.Lab) { l.Machines[1].NICs[0].Address = netip.MustParseAddr("192.168.1.9") },
		`machine "db"`:     func(l *lab.Lab) { _ = os.WriteFile(l.Machines[0].Setup.Uploads[0].Source, []byte("drop"), 0o600) },
		`check "page"`:     func(l *lab.Lab) { l.Checks[0].Spec = &lab.HTTPCheck{URL: "http://other/"} },
		`patch "good"`:     func(l *lab.Lab) { l.Patches[0].Targets = l.Machines },
	} {
		l := printed(t)
		before := fingerprint(t, l)
		change(l)
		now := fingerprint(t, l)
		if got, want := before.Changed(now), []string{part + " is other"}; !slices.Equal(got, want) || before.SHA256 == now.SHA256 {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFingerprintOfAnotherWording(t *testing.T) {
	l := printed(t)
	before := fingerprint(t, l)
	l.Pos, l.Checks[0].Pos, l.Machines[0].Setup.Pos = lab.Pos{File: "a", Line: 7}, lab.Pos{Line: 9}, lab.Pos{Line: 12}
	l.Client, l.Description, l.Dir = "another", "words", "/elsewhere"
	slices.Reverse(l.Machines)
	l.Patches[0].Files, l.Patches[0].Backout = []string{"/b/x.deb"}, &lab.Backout{}
	if now := fingerprint(t, l); now.SHA256 != before.SHA256 || len(before.Changed(now)) > 0 {
		t.Errorf("other: %q", before.Changed(now))
	}
}

func TestFingerprintNamesWhatCameAndWent(t *testing.T) {
	l := printed(t)
	before := fingerprint(t, l)
	l.Machines, l.Checks[0].Name = l.Machines[:1], "other page"
	now, err := l.Fingerprint(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`check "other page" is new`, `check "page" is gone`, `machine "web" is gone`}
	if got := before.Changed(now); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whoever has the fingerprint must not be able to guess a secret by it.
func TestFingerprintHoldsNoSecret(t *testing.T) {
	l := printed(t)
	before := fingerprint(t, l)
	l.Machines[0].Setup.Run[0] = strings.ReplaceAll(l.Machines[0].Setup.Run[0], "s3cret-word", "other-word")
	l.Secrets = []string{"other-word"}
	if now := fingerprint(t, l); now.SHA256 != before.SHA256 {
		t.Errorf("another password shows: %q", before.Changed(now))
	}
}

// An upload takes what links lead to, and what is executable stays so.
func TestFingerprintOfAFolder(t *testing.T) {
	l := printed(t)
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	script := filepath.Join(dir, "script")
	for _, path := range []string{target, script} {
		if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	l.Machines[0].Setup.Uploads[0].Source = dir
	before := fingerprint(t, l)
	if err := os.WriteFile(target, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	behind := fingerprint(t, l)
	if before.SHA256 == behind.SHA256 {
		t.Error("other bytes behind a link do not show")
	}
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	if behind.SHA256 == fingerprint(t, l).SHA256 {
		t.Error("another mode does not show")
	}
}

func TestFingerprintOfAMissingFile(t *testing.T) {
	l := printed(t)
	l.Machines[0].Setup.Uploads[0].Source = "/nowhere/file"
	if _, err := l.Fingerprint(nil); err == nil || !strings.Contains(err.Error(), "/nowhere/file") {
		t.Errorf("got %v", err)
	}
}
