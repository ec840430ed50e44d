package patch

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func testLab() *lab.Lab {
	linux, windows := &lab.Image{OS: lab.Linux}, &lab.Image{OS: lab.Windows}
	return &lab.Lab{Name: "dental", Machines: []*lab.Machine{
		{Name: "db", Image: linux}, {Name: "pc", Image: windows}, {Name: "web", Image: linux},
	}}
}

func targetNames(p *lab.Patch) (names []string) {
	for _, m := range p.Targets {
		names = append(names, m.Name)
	}
	return names
}

func TestFromPath(t *testing.T) {
	dir, l := t.TempDir(), testLab()
	file := func(name, content string) string { return write(t, filepath.Join(dir, name), content) }
	deb := file("update.bin", testDeb(t)) // recognised by content
	folder := filepath.Join(dir, "batch")
	b, a := file("batch/b.deb", testDeb(t)), file("batch/a.deb", testDeb(t))
	for _, aside := range []string{"README", "doc/changes.txt", "doc/index.html", ".hidden.deb", "._a.deb", ".c.deb.part", ".old/x.deb"} {
		file("batch/"+aside, "read me")
	}
	rpm := file("more/x.rpm", testRPM(t))
	msu, second := file("updates/a.msu", makeCab("WSUSSCAN.cab")), file("updates/b.msu", makeWim())
	script, ps1, cmd := file("fix", "#!/bin/sh\nexit 0\n"), file("fix.ps1", "exit 0\n"), file("fix.CMD", "exit /b 0\n")
	msi := file("setup.msi", makeOLE(msiClass))
	linux, windows := []string{"db", "web"}, []string{"pc"}
	for _, c := range []struct {
		path          string
		kind          lab.PatchKind
		files         []string
		script        string
		installedOnly bool
		targets       []string
	}{
		{deb, lab.PatchDeb, []string{deb}, "", true, linux},
		{folder, lab.PatchDeb, []string{a, b}, "", true, linux},
		{filepath.Dir(rpm), lab.PatchRPM, []string{rpm}, "", true, linux},
		{filepath.Dir(msu), lab.PatchMSU, []string{msu, second}, "", false, windows},
		{msi, lab.PatchMSI, []string{msi}, "", false, windows},
		{script, lab.PatchScript, nil, script, false, linux},
		{ps1, lab.PatchScript, nil, ps1, false, windows},
		{cmd, lab.PatchScript, nil, cmd, false, windows},
	} {
		p, err := FromPath(c.path, l, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind != c.kind || !slices.Equal(p.Files, c.files) || p.Script != c.script || p.InstalledOnly != c.installedOnly ||
			p.Name != filepath.Base(c.path) || p.Reboot != lab.RebootAuto || p.Timeout != defaultTimeout || !p.VerifyReboot {
			t.Errorf("%s: %+v", c.path, p)
		}
		if got := targetNames(p); !slices.Equal(got, c.targets) {
			t.Errorf("%s: targets %q", c.path, got)
		}
		p, err = FromPath(c.path, l, l.Machines[2:])
		if err != nil || p.InstalledOnly || !slices.Equal(targetNames(p), []string{"web"}) {
			t.Errorf("%s with a target: %+v, %v", c.path, p, err)
		}
	}
}

func TestFromPathRefuses(t *testing.T) {
	dir := t.TempDir()
	good := testDeb(t)
	file := func(name, content string) string { return write(t, filepath.Join(dir, name), content) }
	for _, whole := range []string{"g/a.deb", "h/a.deb", "i/a.deb", "j/a.deb"} {
		file(whole, good)
	}
	file("mixed/b.deb", good)
	file("mixed/c.deb", good)
	for _, c := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none"), "no such file"},
		{"text", file("t.txt", "hello"), "neither a package or installer of a known kind nor a script"},
		{"named as a package", file("x.deb", "#!/bin/sh\n"), "not a Debian package"},
		{"truncated", file("half.deb", good[:len(good)/2]), "truncated"},
		{"empty folder", filepath.Dir(file("e/README", "x")), "holds no package"},
		{"folder with a truncated one", filepath.Dir(file("f/half", good[:len(good)-9])), "half: it is truncated"},
		{"folder with a script", filepath.Dir(file("s/install.sh", "#!/bin/sh\n")), "install.sh"},
		{"folder with a Windows script", filepath.Dir(file("w/install.bat", "echo")), "install.bat"},
		{"folder with a program", filepath.Dir(file("p/setup.exe", makePE(2))), "the program setup.exe"},
		{"program without its extension", file("setup", makePE(2)), "a Windows program (.exe) by its content, and Windows wants that in its name"},
		{"update in a folder with another name", filepath.Dir(file("u/a.cab", makeCab("WSUSSCAN.cab"))), "a.cab: it is a Windows update package (.msu) by its content"},
		{"mixture", filepath.Dir(file("mixed/a.rpm", testRPM(t))), "several kinds: 1 rpm (a.rpm), 2 deb (b.deb)"},
		{"folder with one that is still being written", filepath.Dir(file("g/c.deb.part", good)), "it is not whole yet: c.deb.part is still being written"},
		{"folder with one in a folder", filepath.Dir(filepath.Dir(file("h/more/b.deb", good))), "its folder more holds patches (b.deb)"},
		{"folder with a script deeper down", filepath.Dir(filepath.Dir(filepath.Dir(file("i/more/yet/fix", "#!/bin/sh\n")))), "its folder more holds patches (fix)"},
		{"folder with a half one in a folder", filepath.Dir(filepath.Dir(file("j/more/half", good[:len(good)-9]))), "its folder more holds patches (half)"},
		{"damaged bundle", filepath.Dir(file("bundle/bundle.json", "{")), "bundle.json is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := FromPath(c.path, testLab(), nil)
			var usage *lab.UsageError
			if !errors.As(err, &usage) || p != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("%+v, error %v, want %q", p, err, c.want)
			}
			if usage != nil && usage.Hint == "" {
				t.Error("no hint")
			}
		})
	}
	file("l/a.deb", good)
	if err := os.Symlink("nowhere", filepath.Join(dir, "l", "b.deb")); err != nil {
		t.Fatal(err)
	}
	if _, err := FromPath(filepath.Join(dir, "l"), testLab(), nil); err == nil || !strings.Contains(err.Error(), "b.deb") {
		t.Errorf("a dangling link named as a package: %v", err)
	}
}

func TestFromPathWithoutMachines(t *testing.T) {
	l := testLab()
	windows, linux := l.Machines[1:2], l.Machines[:1]
	for _, c := range []struct {
		name, content, want string
		machines            []*lab.Machine
	}{
		{"a.deb", testDeb(t), `lab "dental" has no Linux machine`, windows},
		{"a.msi", makeOLE(msiClass), `lab "dental" has no Windows machine`, linux},
		{"a.ps1", "exit", "a script for Windows, and the lab has no Windows machine", linux},
	} {
		l.Machines = c.machines
		if _, err := FromPath(write(t, filepath.Join(t.TempDir(), c.name), c.content), l, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

// testBundle saves a bundle with one file for machine db.
func testBundle(t *testing.T, dir, manager, name, content string, packages ...string) *Bundle {
	t.Helper()
	from := filepath.Join(t.TempDir(), "from")
	rec, err := hashFile(write(t, filepath.Join(from, name), content), name)
	if err != nil {
		t.Fatal(err)
	}
	b := &Bundle{
		Version: bundleVersion, Lab: "dental", Patch: "p", Manager: manager, Packages: packages,
		Machines: map[string]BundleMachine{"db": {Install: []string{name}}},
		Files:    []BundleFile{{Name: name, SHA256: rec.SHA256, Size: rec.Size, Package: "plabtest", PackageVersion: "1.0-1", Arch: "noarch"}},
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.Save(from, dir); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFromPathBundle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	testBundle(t, dir, "dnf", "x.rpm", testRPM(t), "plabtest=1.0")
	p, err := FromPath(dir, testLab(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Kind != lab.PatchDNF || p.Bundle != dir || !slices.Equal(p.Packages, []string{"plabtest=1.0"}) || !slices.Equal(targetNames(p), []string{"db"}) || !p.InstalledOnly {
		t.Errorf("%+v", p)
	}
	write(t, filepath.Join(dir, "x.rpm"), "other")
	if _, err := FromPath(dir, testLab(), nil); err == nil || !strings.Contains(err.Error(), "x.rpm") {
		t.Errorf("a changed file: error %v", err)
	}
	other := testLab()
	other.Machines = other.Machines[1:]
	testBundle(t, filepath.Join(filepath.Dir(dir), "c"), "dnf", "x.rpm", testRPM(t), "plabtest=1.0")
	if _, err := FromPath(filepath.Join(filepath.Dir(dir), "c"), other, nil); err == nil {
		t.Error("the bundle of another lab is taken")
	} else if _, ok := errors.AsType[*NotForLabError](err); !ok {
		t.Errorf("the bundle of another lab: error %v", err)
	}
	files := filepath.Join(t.TempDir(), "b")
	testBundle(t, files, "apt", "x.deb", "x")
	if _, err := FromPath(files, testLab(), nil); err == nil || !strings.Contains(err.Error(), `made for patch "p", which has files of its own`) {
		t.Errorf("the bundle of a patch with files: error %v", err)
	}
}

func TestFromName(t *testing.T) {
	l := testLab()
	l.Dir = t.TempDir()
	for _, text := range []string{"openssl", "./apt", "yum:openssl", "patches/apt:x", ""} {
		if p, ok, err := FromName(text, l, nil, true); ok || p != nil || err != nil {
			t.Errorf("%q is taken for a name: %+v, %v", text, p, err)
		}
	}
	var wrong *lab.UsageError
	for _, text := range []string{"apt:", "apt:a,", "apt:-o", "apt:a b", "apt:../x", "dnf:a=", "zypper:a=1\n"} {
		if _, ok, err := FromName(text, l, nil, false); !ok || !errors.As(err, &wrong) {
			t.Errorf("%q: %v", text, err)
		}
	}
	text := "apt:openssl,libssl3:amd64=1:3.0~x"
	_, ok, err := FromName(text, l, nil, true)
	if !ok || !errors.As(err, &wrong) || wrong.Hint != "patchlab bundle "+l.Dir+" "+text {
		t.Errorf("without a bundle: %v", err)
	}
	p, ok, err := FromName(text, l, nil, false)
	want := filepath.Join(l.Dir, "bundles", "apt-openssl-libssl3_amd64_1_3.0~x")
	if !ok || err != nil || p.Kind != lab.PatchApt || p.Name != text || p.Bundle != want || !slices.Equal(p.Packages, []string{"openssl", "libssl3:amd64=1:3.0~x"}) {
		t.Errorf("%+v, %v", p, err)
	}
	if !p.InstalledOnly || !p.VerifyReboot || !slices.Equal(targetNames(p), []string{"db", "web"}) {
		t.Errorf("%+v", p)
	}
	for _, text := range []string{"dnf:openssl", "zypper:openssl"} {
		for _, needBundle := range []bool{true, false} {
			p, ok, err := FromName(text, l, nil, needBundle)
			if p != nil || !ok || !errors.As(err, &wrong) || !strings.Contains(err.Error(), "a lab reaches no repository") || !strings.Contains(wrong.Hint, ".rpm files") {
				t.Errorf("%s without a bundle: %+v, %v", text, p, err)
			}
		}
	}
	testBundle(t, filepath.Join(l.Dir, "bundles", "dnf-openssl"), "dnf", "x.rpm", "x", "openssl")
	if p, _, err := FromName("dnf:openssl", l, nil, true); err != nil || p.Bundle == "" {
		t.Errorf("dnf with one: %+v, %v", p, err)
	}
	if n := bundleName("apt", slices.Repeat([]string{"package"}, 50)); len(n) > 120 || n == bundleName("apt", slices.Repeat([]string{"package"}, 51)) {
		t.Errorf("name %s", n)
	}
}

func TestPin(t *testing.T) {
	dir := t.TempDir()
	script := write(t, filepath.Join(dir, "fix.sh"), "#!/bin/sh\n")
	data := write(t, filepath.Join(dir, "data", "x"), "payload")
	p := &lab.Patch{Name: "fix", Kind: lab.PatchScript, Script: script, Files: []string{data, script}}
	rec, err := Pin(p)
	if err != nil {
		t.Fatal(err)
	}
	want := []lab.FileRecord{
		{Name: "data/x", SHA256: "239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5", Size: 7},
		{Name: "fix.sh", SHA256: "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf", Size: 10},
	}
	if !slices.Equal(rec.Files, want) {
		t.Errorf("files %+v, want %+v", rec.Files, want)
	}
	// sha256sum of the two lines as "sha256sum data/x fix.sh | sort" prints them.
	if want := "fccc136d5d4ac743eab30056aebdf190fbfdc9e5bbb2e6bbba4894de66d8a7d0"; rec.SHA256 != want {
		t.Errorf("hash %s, want %s", rec.SHA256, want)
	}
	if rec.Name != "fix" || rec.Kind != lab.PatchScript {
		t.Errorf("record %+v", rec)
	}
	write(t, data, "payloaD")
	if again, err := Pin(p); err != nil || again.SHA256 == rec.SHA256 {
		t.Errorf("a changed file has the same hash (%v)", err)
	}
}

func TestPinRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []*lab.Patch{
		{Name: "none", Kind: lab.PatchDeb},
		{Name: "missing", Kind: lab.PatchDeb, Files: []string{filepath.Join(dir, "no.deb")}},
		{Name: "no package", Kind: lab.PatchDeb, Files: []string{write(t, filepath.Join(dir, "x.deb"), "x")}},
		{Name: "line end", Kind: lab.PatchScript, Script: write(t, filepath.Join(dir, "a\nb"), "x")},
	} {
		var usage *lab.UsageError
		if _, err := Pin(p); !errors.As(err, &usage) {
			t.Errorf("%s: error %v", p.Name, err)
		}
	}
}
