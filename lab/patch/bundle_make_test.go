package patch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// bundled makes the bundle of p for the machines from sources.
func bundled(t *testing.T, p *lab.Patch, sources string, machines ...*rooted) (*Bundle, error) {
	t.Helper()
	r := MakeBundleRequest{Lab: "dental", Patch: p, Dir: filepath.Join(t.TempDir(), "bundles", "b"), Sources: sources}
	for _, m := range machines {
		r.Guests = append(r.Guests, m)
		p.Targets = append(p.Targets, m.Machine())
	}
	b, err := MakeBundle(t.Context(), r)
	entries, _ := os.ReadDir(filepath.Dir(r.Dir))
	if want := map[bool]int{true: 1, false: 0}[err == nil]; len(entries) != want {
		t.Errorf("%d folders are there afterwards, want %d", len(entries), want)
	}
	if err == nil {
		p.Bundle = b.Dir
	}
	return b, err
}

func TestBundleThereAndBack(t *testing.T) {
	web, db := newRooted(t, "web", "plab"), newRooted(t, "db", "plab")
	one := madeDeb{name: "plabone", version: "1:1.0", says: "one"}
	two := madeDeb{name: "plabone", version: "1:2.0", says: "two", fields: "Depends: plabnew (>= 2), plabgone (>= 2)\nRecommends: plabextra\n"}
	gone := madeDeb{name: "plabgone", version: "1", says: "gone"}
	web.install(one, gone)
	db.install(two, madeDeb{name: "plabnew", version: "3", says: "new"}, madeDeb{name: "plabgone", version: "2", says: "gone2"})
	sources := aptSources(t, "plab", one, two, madeDeb{name: "plabnew", version: "3", says: "new"},
		madeDeb{name: "plabgone", version: "2", says: "gone2"}, madeDeb{name: "plabextra", version: "1"}, madeDeb{name: "plabother", version: "1"})
	p := &lab.Patch{Name: "by name", Kind: lab.PatchApt, Packages: []string{"plabone"}, Timeout: time.Minute}
	status, _ := os.ReadFile(filepath.Join(web.root, "var/lib/dpkg/status"))
	b, err := bundled(t, p, sources, web, db)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]BundleMachine{
		"web": {
			Install:  []string{"plabgone_2_all.deb", "plabnew_3_all.deb", "plabone_1%3a2.0_all.deb"},
			Previous: []string{"plabone_1%3a1.0_all.deb"}, Missing: []string{"plabgone 1"},
		},
		"db": {},
	}
	got := b.Machines["web"]
	if len(got.Install) != 3 || !reflect.DeepEqual(got.Previous, want["web"].Previous) || !reflect.DeepEqual(got.Missing, want["web"].Missing) || len(b.Machines["db"].Install) != 0 {
		t.Errorf("got %+v\nwant %+v", b.Machines, want)
	}
	if after, _ := os.ReadFile(filepath.Join(web.root, "var/lib/dpkg/status")); string(after) != string(status) {
		t.Error("making the bundle changed the machine")
	}
	if err := ValidateBundle(p); err != nil {
		t.Error(err)
	}
	rec, err := Pin(p)
	if err != nil || len(rec.Files) != 5 || rec.Files[0].Name != "bundle.json" {
		t.Errorf("%+v, %v", rec, err)
	}
	out := db.apply(p)
	if out.Status != lab.AlreadyInstalled || out.Message != "every package is there already in its newest version" {
		t.Errorf("db: %+v", out)
	}
	db.confirmed(p, out, true, "plabone 1:2.0 installed")
	out = web.apply(p)
	if out.Status != lab.Applied {
		t.Fatalf("%+v", out)
	}
	web.has("plabone", "1:2.0", "two")
	web.confirmed(p, out, true, few([]string{"plabgone 2", "plabnew 3", "plabone 1:2.0"})+" installed")
	if b := web.backout(p, out); b.Status != lab.CannotTakeOut || !strings.Contains(b.Message, "plabgone 1 (all)") || strings.Contains(b.Message, "plabone") {
		t.Errorf("%+v", b)
	}
	gone.build(t, filepath.Join(web.root, packageCache))
	if b := web.backout(p, out); b.Status != lab.TakenOut {
		t.Errorf("%+v", b)
	}
	web.has("plabone", "1:1.0", "one")
	web.has("plabnew", "", "")
}

func TestBundleOfAVersion(t *testing.T) {
	m := newRooted(t, "web", "plab")
	sources := aptSources(t, "plab", madeDeb{name: "plabone", version: "1"}, madeDeb{name: "plabone", version: "2"})
	p := &lab.Patch{Name: "p", Kind: lab.PatchApt, Packages: []string{"plabone=1"}, Timeout: time.Minute}
	b, err := bundled(t, p, sources, m)
	if err != nil || !reflect.DeepEqual(b.Machines["web"].Install, []string{"plabone_1_all.deb"}) {
		t.Errorf("%+v, %v", b, err)
	}
}

// TestBundleWhereInstalled is about a patch named without targets.
func TestBundleWhereInstalled(t *testing.T) {
	web, db := newRooted(t, "web", "plab"), newRooted(t, "db", "plab")
	web.install(madeDeb{name: "plabone", version: "1"})
	sources := aptSources(t, "plab", madeDeb{name: "plabone", version: "2", fields: "Depends: plabnew\n", says: "two"}, madeDeb{name: "plabnew", version: "1"}, madeDeb{name: "plabother", version: "1"})
	p := &lab.Patch{Name: "p", Kind: lab.PatchApt, Packages: []string{"plabone", "plabother"}, InstalledOnly: true, Timeout: time.Minute}
	b, err := bundled(t, p, sources, web, db)
	if err != nil || len(b.Machines["web"].Install) != 2 || len(b.Machines["db"].Install) != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	if out := web.apply(p); out.Status != lab.Applied {
		t.Errorf("%+v", out)
	}
	web.has("plabone", "2", "two")
	if out := db.apply(p); out.Status != lab.NotApplicable || out.Message != "none of its packages is installed" {
		t.Errorf("%+v", out)
	}
	p.InstalledOnly = false
	db.install(madeDeb{name: "plabone", version: "2", fields: "Depends: plabnew\n"}, madeDeb{name: "plabnew", version: "1"})
	var host *lab.HostError
	if out, err := (Applier{}).Apply(t.Context(), p, db, nil, nil); !errors.As(err, &host) || !strings.Contains(err.Error(), "has no plabother") {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestBundleOfAlteredPackages(t *testing.T) {
	m := newRooted(t, "web", "plab")
	sources := aptSources(t, "plab", madeDeb{name: "plabone", version: "1", says: "one"})
	altered := madeDeb{name: "plabone", version: "1", says: "two"}.build(t, t.TempDir())
	if err := os.Rename(altered, filepath.Join(sources, "pool", filepath.Base(altered))); err != nil {
		t.Fatal(err)
	}
	var host *lab.HostError
	if _, err := bundled(t, &lab.Patch{Name: "p", Kind: lab.PatchApt, Packages: []string{"plabone"}}, sources, m); !errors.As(err, &host) {
		t.Errorf("error %v", err)
	}
}

func TestBundleInterrupted(t *testing.T) {
	m := newRooted(t, "web", "plab")
	ctx, cancel := context.WithCancel(t.Context())
	dir := filepath.Join(t.TempDir(), "bundles", "b")
	r := MakeBundleRequest{
		Patch: &lab.Patch{Kind: lab.PatchApt, Packages: []string{"plabone"}}, Guests: []lab.Guest{m}, Dir: dir,
		Sources: aptSources(t, "plab", madeDeb{name: "plabone", version: "1"}), Progress: stopAt{cancel},
	}
	if _, err := MakeBundle(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// stopAt interrupts when packages are fetched.
type stopAt struct{ cancel func() }

func (s stopAt) Step(text string) {
	if strings.HasPrefix(text, "fetching") {
		s.cancel()
	}
}

func (stopAt) Bytes(_, _ int64) {}

func TestBundleOfFiles(t *testing.T) {
	m := newRooted(t, "web", "plab")
	one := madeDeb{name: "plabone", version: "1", says: "one"}
	m.install(one)
	sources := aptSources(t, "plab", one, madeDeb{name: "plabnew", version: "3", says: "new"})
	two := madeDeb{name: "plabone", version: "2", says: "two", fields: "Depends: plabnew\n"}.build(t, t.TempDir())
	p := &lab.Patch{Name: "p", Kind: lab.PatchDeb, Files: []string{two}, Timeout: time.Minute}
	b, err := bundled(t, p, sources, m)
	want := BundleMachine{Install: []string{"plabnew_3_all.deb"}, Previous: []string{"plabone_1_all.deb"}}
	if err != nil || !reflect.DeepEqual(b.Machines["web"], want) {
		t.Fatalf("%+v, %v", b, err)
	}
	// A dependency that came with the patch later takes the bundle's place.
	p.Files = append(p.Files, madeDeb{name: "plabnew", version: "4", says: "newer"}.build(t, t.TempDir()))
	out := m.apply(p)
	if out.Status != lab.Applied {
		t.Fatalf("%+v", out)
	}
	m.has("plabnew", "4", "newer")
	if b := m.backout(p, out); b.Status != lab.TakenOut {
		t.Errorf("%+v", b)
	}
	m.has("plabone", "1", "one")
	m.has("plabnew", "", "")
}

func TestBundleRefused(t *testing.T) {
	sources := aptSources(t, "plab", madeDeb{name: "plabone", version: "1"}, madeDeb{name: "plabone", version: "2"},
		madeDeb{name: "plabunmet", version: "1", fields: "Depends: plabnone\n"})
	for name, c := range map[string]struct {
		release  string
		packages []string
		want     string
		hint     string
		host     bool
	}{
		"unknown release": {"other", []string{"plabone"}, `its sources have no release "other"`, "sources.list.d", true},
		"unknown package": {"plab", []string{"plabtwo"}, `no package "plabtwo"`, "", false},
		"unknown version": {"plab", []string{"plabone=3"}, `no version "3" of package "plabone"`, "2, 1", false},
		"unmet":           {"plab", []string{"plabunmet"}, "unmet dependency: plabunmet : Depends: plabnone", "", false},
		"nothing to do":   {"plab", []string{"plabone=1"}, "nothing to fetch", "", false},
		"no packages":     {"plab", nil, "names no packages", "", false},
		"an option":       {"plab", []string{"-oDir=/x"}, "names no package", "name=version", false},
		"a removal":       {"plab", []string{"plabone-"}, "names no package", "name=version", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newRooted(t, "web", c.release)
			m.install(madeDeb{name: "plabone", version: "1"})
			_, err := bundled(t, &lab.Patch{Name: "p", Kind: lab.PatchApt, Packages: c.packages}, sources, m)
			var usage *lab.UsageError
			var host *lab.HostError
			hint := ""
			switch {
			case errors.As(err, &host):
				hint = host.Hint
			case errors.As(err, &usage):
				hint = usage.Hint
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || (host != nil) != c.host || !strings.Contains(hint, c.hint) {
				t.Errorf("%v (hint %q), want %q (%q)", err, hint, c.want, c.hint)
			}
		})
	}
}

func TestBundleOfFilesWithNothingToFetch(t *testing.T) {
	m := newRooted(t, "web", "plab")
	p := &lab.Patch{Name: "p", Kind: lab.PatchDeb, Files: []string{madeDeb{name: "plabone", version: "1"}.build(t, t.TempDir())}}
	_, err := bundled(t, p, aptSources(t, "plab", madeDeb{name: "plabother", version: "1"}), m)
	if _, ok := errors.AsType[*lab.UsageError](err); !ok || !strings.Contains(err.Error(), "need no other packages") {
		t.Errorf("error %v", err)
	}
}

func TestParseSteps(t *testing.T) {
	got := parseSteps(`NOTE: This is only a simulation!
Remv plabold [1]
Inst libssl3 [3.0.15-1~deb12u1] (3.0.20-1 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst libssl3:i386 [3.0.15-1] (3.0.20-1 Debian-Security:12/oldstable-security [i386]) []
Inst linux-image-6.1.0-56-cloud-amd64 (6.1.192-2 Debian-Security:12/oldstable-security [amd64])
Inst plabone [1] (2 local-deb [all])
Conf libssl3 (3.0.20-1 Debian-Security:12/oldstable-security [amd64])
`)
	want := []step{
		{"plabold", "", "1", ""},
		{"libssl3", "amd64", "3.0.15-1~deb12u1", "3.0.20-1"},
		{"libssl3", "i386", "3.0.15-1", "3.0.20-1"},
		{"linux-image-6.1.0-56-cloud-amd64", "amd64", "", "6.1.192-2"},
		{"plabone", "all", "1", "2"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestFacts(t *testing.T) {
	f := facts{}
	if err := f.parse("amd64\ni386\n\nID=debian\nVERSION_CODENAME=\"bookworm\"\n"); err != nil || f.release != "bookworm" || len(f.archs) != 2 {
		t.Errorf("%+v, %v", f, err)
	}
	for _, text := range []string{"", "amd64\n\nID=x\n", "\n\nVERSION_CODENAME=a\n", "amd64\n\nVERSION_CODENAME=a\";Dir \"/\n", "a b;\n\nVERSION_CODENAME=a\n"} {
		if err := (&facts{}).parse(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
