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
	deb := write(t, filepath.Join(dir, "update.bin"), testDeb(t)) // recognised by content
	folder := filepath.Join(dir, "batch")
	b := write(t, filepath.Join(folder, "b.deb"), testDeb(t))
	a := write(t, filepath.Join(folder, "a.deb"), testDeb(t))
	write(t, filepath.Join(folder, "README"), "read me")
	script := write(t, filepath.Join(dir, "fix"), "#!/bin/sh\nexit 0\n")
	for _, c := range []struct {
		path          string
		kind          lab.PatchKind
		files         []string
		script        string
		installedOnly bool
	}{
		{deb, lab.PatchDeb, []string{deb}, "", true},
		{folder, lab.PatchDeb, []string{a, b}, "", true},
		{script, lab.PatchScript, nil, script, false},
	} {
		p, err := FromPath(c.path, l, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p.Kind != c.kind || !slices.Equal(p.Files, c.files) || p.Script != c.script || p.InstalledOnly != c.installedOnly ||
			p.Name != filepath.Base(c.path) || p.Reboot != lab.RebootAuto || p.Timeout != defaultTimeout {
			t.Errorf("%s: %+v", c.path, p)
		}
		if got := targetNames(p); !slices.Equal(got, []string{"db", "web"}) {
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
	for _, c := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none"), "no such file"},
		{"text", write(t, filepath.Join(dir, "t.txt"), "hello"), "neither a Debian package nor a script"},
		{"named as a package", write(t, filepath.Join(dir, "x.deb"), "#!/bin/sh\n"), "not a Debian package"},
		{"truncated", write(t, filepath.Join(dir, "half.deb"), good[:len(good)/2]), "truncated"},
		{"empty folder", filepath.Dir(write(t, filepath.Join(dir, "e", "README"), "x")), "holds no Debian package"},
		{"folder with a truncated one", filepath.Dir(write(t, filepath.Join(dir, "f", "half"), good[:len(good)-9])), "half: it is truncated"},
		{"folder with a script", filepath.Dir(write(t, filepath.Join(dir, "s", "install.sh"), "#!/bin/sh\n")), "install.sh"},
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
	if err := os.Symlink("nowhere", filepath.Join(filepath.Dir(write(t, filepath.Join(dir, "l", "a.deb"), good)), "b.deb")); err != nil {
		t.Fatal(err)
	}
	if _, err := FromPath(filepath.Join(dir, "l"), testLab(), nil); err == nil || !strings.Contains(err.Error(), "b.deb") {
		t.Errorf("a dangling link named as a package: %v", err)
	}
}

func TestFromPathWithoutLinuxMachines(t *testing.T) {
	l := testLab()
	l.Machines = l.Machines[1:2]
	_, err := FromPath(write(t, filepath.Join(t.TempDir(), "a.deb"), testDeb(t)), l, nil)
	if err == nil || !strings.Contains(err.Error(), `lab "dental" has no Linux machine`) {
		t.Errorf("error %v", err)
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
