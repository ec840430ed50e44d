package patch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// savedBundle is a bundle of one file for the machine web.
func savedBundle(t *testing.T, dir string) *Bundle {
	t.Helper()
	from := filepath.Join(filepath.Dir(dir), "from")
	rec, err := hashFile(write(t, filepath.Join(from, "a_1_all.deb"), testDeb(t)), "a_1_all.deb")
	if err != nil {
		t.Fatal(err)
	}
	b := &Bundle{
		Version: bundleVersion, Lab: "dental", Patch: "p", Manager: "apt", Packages: []string{"a"},
		Machines: map[string]BundleMachine{"web": {Install: []string{rec.Name}}},
		Files:    []BundleFile{{Name: rec.Name, SHA256: rec.SHA256, Size: rec.Size, Package: "a", PackageVersion: "1", Arch: "all"}},
	}
	if err := b.Save(from, dir); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBundleSaveAndLoad(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "b")
	savedBundle(t, dir)
	savedBundle(t, dir) // replaces it
	b, err := LoadBundle(dir)
	if err != nil || b.Dir != dir || b.Machines["web"].Install[0] != "a_1_all.deb" || b.Packages[0] != "a" {
		t.Fatalf("%+v, %v", b, err)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Errorf("beside it is left: %v", entries)
	}
	other := filepath.Dir(write(t, filepath.Join(parent, "photos", "x.jpg"), "x"))
	var usage *lab.UsageError
	if err := b.Save(filepath.Join(parent, "none"), other); !errors.As(err, &usage) {
		t.Errorf("a folder with other files was replaced: %v", err)
	}
}

func TestBundleRefusesWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir, index string) string
		want   string
	}{
		"other content":  {func(dir, i string) string { write(t, filepath.Join(dir, "a_1_all.deb"), "x"); return i }, "not the file that was bundled"},
		"no file":        {func(dir, i string) string { _ = os.Remove(filepath.Join(dir, "a_1_all.deb")); return i }, "no such file"},
		"no index":       {func(string, string) string { return "" }, "damaged"},
		"another format": {func(_, i string) string { return strings.Replace(i, `"version": 1`, `"version": 2`, 1) }, "format 2"},
		"outside":        {func(_, i string) string { return strings.ReplaceAll(i, "a_1_all.deb", "../a_1_all.deb") }, "outside of its folder"},
		"the index":      {func(_, i string) string { return strings.ReplaceAll(i, "a_1_all.deb", "bundle.json") }, "outside of its folder"},
		"dots":           {func(_, i string) string { return strings.ReplaceAll(i, "a_1_all.deb", "..") }, "outside of its folder"},
		"not listed":     {func(_, i string) string { return strings.Replace(i, "a_1_all.deb", "b.deb", 1) }, "does not list"},
		"a link": {func(dir, i string) string {
			path := filepath.Join(dir, "a_1_all.deb")
			if err := errors.Join(os.Rename(path, dir+"/real"), os.Symlink("real", path)); err != nil {
				t.Error(err)
			}
			return i
		}, "no ordinary file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "b")
			savedBundle(t, dir)
			index, err := os.ReadFile(filepath.Join(dir, indexName))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, indexName), c.change(dir, string(index)))
			var usage *lab.UsageError
			if _, err := LoadBundle(dir); !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) || usage.Hint == "" {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestValidateBundle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	savedBundle(t, dir)
	const hint = `patchlab bundle labs/dental 'it'\''s'`
	const rpmHint = `give the .rpm files themselves, or a folder of them: patchlab test DIR FOLDER, or files = ["FOLDER/*.rpm"] in the definition`
	web, db := &lab.Machine{Name: "web"}, &lab.Machine{Name: "db"}
	for _, c := range []struct {
		name  string
		patch *lab.Patch
		want  string
		hint  string
	}{
		{"good", &lab.Patch{Kind: lab.PatchApt, Bundle: dir, Targets: []*lab.Machine{web}}, "", ""},
		{"files need none", &lab.Patch{Kind: lab.PatchDeb}, "", ""},
		{"files, another machine", &lab.Patch{Kind: lab.PatchDeb, Bundle: dir, Targets: []*lab.Machine{db}}, "", ""},
		{"another machine, chosen by name", &lab.Patch{Kind: lab.PatchRPM, Targets: []*lab.Machine{db}}, "", ""},
		{"dnf, none", &lab.Patch{Kind: lab.PatchDNF}, "a lab reaches no repository", rpmHint},
		{"zypper, none", &lab.Patch{Kind: lab.PatchZypper}, "a lab reaches no repository", rpmHint},
		{"a script", &lab.Patch{Kind: lab.PatchScript}, "", ""},
		{"none", &lab.Patch{Kind: lab.PatchApt}, "has no bundle", hint},
		{"a target more", &lab.Patch{Kind: lab.PatchApt, Bundle: dir, Targets: []*lab.Machine{web, db}}, "was not made for db", hint},
		{"another manager", &lab.Patch{Kind: lab.PatchDNF, Bundle: dir, Targets: []*lab.Machine{web}}, `its packages are for "apt", want "dnf"`, ""},
		{"gone", &lab.Patch{Kind: lab.PatchApt, Bundle: dir + "x"}, "no such file", hint},
	} {
		c.patch.Name, c.patch.Pos.File = "it's", "labs/dental/patches.hcl"
		for _, p := range []*lab.Patch{c.patch, {Kind: lab.PatchBatch, Parts: []*lab.Patch{c.patch}}} {
			err := ValidateBundle(p)
			if c.want == "" {
				if err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				continue
			}
			var usage *lab.UsageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) || usage.Hint != c.hint {
				t.Errorf("%s: %v (%+v), want %q", c.name, err, usage, c.want)
			}
		}
	}
}

func TestApplyWithoutItsBundle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "b")
	savedBundle(t, dir)
	m := newRooted(t, "db", "plab")
	for _, bundle := range []string{dir, dir + "x"} {
		out, err := Applier{}.Apply(t.Context(), &lab.Patch{Name: "p", Kind: lab.PatchApt, Bundle: bundle}, m, nil, nil)
		var host *lab.HostError
		if !errors.As(err, &host) || host.Hint == "" || out.Status != "" || out.Started {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if len(m.commands) != 0 {
		t.Errorf("it ran %q", m.commands)
	}
}

func FuzzBundleIndex(f *testing.F) {
	f.Add(`{"version":1,"machines":{"web":{"install":["a.deb"]}},"files":[{"name":"a.deb"}]}`)
	f.Add(`{"version":1,"files":[{"name":"../x"},{"name":""},{"name":"."}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, indexName), text)
		b, err := readBundle(dir)
		if err != nil {
			return
		}
		for _, p := range b.Paths(b.Machines["web"].Install) {
			if filepath.Dir(p) != dir || filepath.Base(p) == indexName {
				t.Errorf("%q is outside of its folder", p)
			}
		}
	})
}
