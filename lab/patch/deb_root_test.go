package patch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// These tests let the real apt and dpkg work on a root of their own.

func TestDebThereAndBack(t *testing.T) {
	m := newRooted(t, "web", "plab")
	one := madeDeb{name: "plabone", version: "1:1.0", says: "one"}
	m.install(one, madeDeb{name: "plabold", version: "1", says: "old"})
	dir := t.TempDir()
	p := &lab.Patch{Name: "p", Kind: lab.PatchDeb, Timeout: time.Minute, Files: []string{
		madeDeb{name: "plabone", version: "1:2.0", says: "two", fields: "Depends: plabnew\nConflicts: plabold\n"}.build(t, dir),
		madeDeb{name: "plabnew", version: "3", says: "new"}.build(t, dir),
	}}
	out := m.apply(p)
	if want := []lab.PackageChange{{Name: "plabnew:all", To: "3"}, {Name: "plabold:all", From: "1"}, {Name: "plabone:all", From: "1:1.0", To: "1:2.0"}}; out.Status != lab.Applied || len(out.Packages) != 3 || out.Packages[2] != want[2] || out.Packages[1] != want[1] {
		t.Fatalf("%+v, want packages %+v", out, want)
	}
	m.has("plabone", "1:2.0", "two")
	m.confirmed(p, out, true, "plabone 1:2.0, plabnew 3 installed")
	if again := m.apply(p); again.Status != lab.AlreadyInstalled || again.Message != "every package is there in exactly this version" {
		t.Errorf("a second time: %+v", again)
	} else {
		m.confirmed(p, again, true, "plabone 1:2.0, plabnew 3 installed")
		if b := m.backout(p, again); b.Status != lab.NotBackedOut {
			t.Errorf("what was there already is taken out: %+v", b)
		}
	}

	// No file of the previous versions: nothing is tried.
	before := len(m.commands)
	b := m.backout(p, out)
	if b.Status != lab.CannotTakeOut || !strings.Contains(b.Message, "plabold 1 (all), plabone 1:1.0 (all)") || !strings.Contains(b.Message, "`patchlab bundle DIR p` fetches") {
		t.Errorf("%+v", b)
	}
	for _, c := range m.commands[before:] {
		if strings.Contains(c, "apt-get") {
			t.Errorf("it ran %s", c)
		}
	}
	// The machine's own cache has them.
	cache := filepath.Join(m.root, packageCache)
	one.build(t, cache)
	madeDeb{name: "plabold", version: "1", says: "old"}.build(t, cache)
	o := out
	o.Undo = nil // as from a run record
	if b := m.backout(p, o); b.Status != lab.TakenOut || b.Message != "every package is as before: 2 went back, 1 removed" || len(b.Packages) != 3 {
		t.Errorf("%+v", b)
	}
	m.has("plabone", "1:1.0", "one")
	m.has("plabold", "1", "old")
	m.has("plabnew", "", "")
	m.confirmed(p, out, false, `plabone:all is "install ok installed" in version 1:1.0, want 1:2.0`)
	if b := m.backout(p, out); b.Status != lab.TakenOut || b.Message != "every package is as before already" {
		t.Errorf("a second time: %+v", b)
	}
}

func TestDebRebuilt(t *testing.T) {
	for name, c := range map[string]struct{ before, after madeDeb }{
		"other files":    {madeDeb{says: "one"}, madeDeb{says: "other"}},
		"other script":   {madeDeb{says: "one"}, madeDeb{says: "one", postinst: "#!/bin/sh\nexit 0\n"}},
		"other metadata": {madeDeb{says: "one"}, madeDeb{says: "other", fields: "Section: web\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newRooted(t, "web", "plab")
			c.before.name, c.before.version, c.after.name, c.after.version = "plabone", "1", "plabone", "1"
			m.install(c.before)
			p := &lab.Patch{Name: "p", Kind: lab.PatchDeb, Timeout: time.Minute, Files: []string{c.after.build(t, t.TempDir())}}
			out := m.apply(p)
			if out.Status != lab.Applied || out.Message != "installed plabone 1 (again: the same version was there with other content)" {
				t.Fatalf("%+v", out)
			}
			m.has("plabone", "1", c.after.says)
			m.confirmed(p, out, true, "plabone 1 installed")
			if again := m.apply(p); again.Status != lab.AlreadyInstalled {
				t.Errorf("a second time: %+v", again)
			}
			// A file of the same name in the cache is not what was there.
			cache := filepath.Join(m.root, packageCache)
			c.after.build(t, cache)
			if b := m.backout(p, out); b.Status != lab.CannotTakeOut || !strings.Contains(b.Message, "plabone 1 (all) with the content it had before") {
				t.Errorf("%+v", b)
			}
			c.before.build(t, cache)
			if b := m.backout(p, out); b.Status != lab.TakenOut {
				t.Errorf("%+v", b)
			}
			m.has("plabone", "1", c.before.says)
		})
	}
}

func TestDebThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		deb  madeDeb
		want []string
	}{
		"script exits 1":     {madeDeb{postinst: "#!/bin/sh\necho no license found >&2\nexit 1\n"}, []string{"plabone", "post-installation script", "exit status 1", "no license found"}},
		"asks a question":    {madeDeb{postinst: "#!/bin/sh\nset -e\nprintf 'Continue? [y/N] ' >&2\nread answer\n"}, []string{"post-installation script", "it asked, and nobody can answer: Continue? [y/N]"}},
		"missing dependency": {madeDeb{fields: "Depends: plabnone (>= 3)\n"}, []string{"unmet dependency: plabone : Depends: plabnone (>= 3)"}},
		"fills the disk":     {madeDeb{postinst: "#!/bin/sh\necho 'cp: error writing /srv/x: No space left on device' >&2\nexit 1\n"}, []string{"the machine's disk is full: cp: error writing /srv/x: No space left on device"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newRooted(t, "web", "plab")
			c.deb.name, c.deb.version = "plabone", "1"
			p := &lab.Patch{Name: "p", Kind: lab.PatchDeb, Timeout: time.Minute, Files: []string{c.deb.build(t, t.TempDir())}}
			out := m.apply(p)
			if out.Status != lab.PatchFailed {
				t.Fatalf("%+v", out)
			}
			for _, w := range c.want {
				if !strings.Contains(out.Message, w) {
					t.Errorf("message %q lacks %q", out.Message, w)
				}
			}
			m.confirmed(p, out, false, "the patch was not applied")
		})
	}
}

func TestDamagedDebNamesIt(t *testing.T) {
	m := newRooted(t, "web", "plab")
	path := madeDeb{name: "plabone", version: "1", says: strings.Repeat("text ", 500)}.build(t, t.TempDir())
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{20, 40} {
		bad := write(t, filepath.Join(t.TempDir(), "half.deb"), string(b[:len(b)-cut]))
		out := m.apply(&lab.Patch{Name: "p", Kind: lab.PatchDeb, Timeout: time.Minute, Files: []string{bad}})
		if out.Status != lab.PatchFailed || !strings.Contains(out.Message, "half.deb is truncated or damaged") {
			t.Errorf("%+v", out)
		}
	}
	damaged := []byte(string(b))
	for i := len(damaged) - 60; i < len(damaged)-20; i++ {
		damaged[i] ^= 0x5a
	}
	bad := write(t, filepath.Join(t.TempDir(), "bits.deb"), string(damaged))
	out := m.apply(&lab.Patch{Name: "p", Kind: lab.PatchDeb, Timeout: time.Minute, Files: []string{bad}})
	if out.Status != lab.PatchFailed || !strings.Contains(out.Message, "package file bits.deb is truncated or damaged") {
		t.Errorf("%+v", out)
	}
}
