package patch

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

// rpmTag is an entry of a header: a text, or a number.
type rpmTag struct {
	tag, kind uint32
	value     any
}

// makeRPM makes a package with these entries and no content.
func makeRPM(tags ...rpmTag) string {
	var index, store []byte
	be := binary.BigEndian.AppendUint32
	for _, t := range tags {
		index = be(be(be(be(index, t.tag), t.kind), uint32(len(store))), 1)
		switch v := t.value.(type) {
		case string:
			store = append(store, v+"\x00"...)
		case int:
			store = be(store, uint32(v))
		}
	}
	lead := make([]byte, rpmLead)
	copy(lead, rpmMagic)
	lead[79] = 5
	header := func(index, store []byte) string {
		head := append([]byte(rpmHeaderMagic), 0, 0, 0, 0)
		return string(be(be(head, uint32(len(index)/16)), uint32(len(store)))) + string(index) + string(store)
	}
	return string(lead) + header(nil, nil) + header(index, store) + "payload"
}

// plainRPM is makeRPM for what every package says.
func plainRPM(name, version, release, arch string, more ...rpmTag) string {
	return makeRPM(append([]rpmTag{
		{rpmTagName, rpmString, name}, {rpmTagVersion, rpmString, version}, {rpmTagRelease, rpmString, release}, {rpmTagArch, rpmString, arch},
	}, more...)...)
}

func TestReadRPMInfo(t *testing.T) {
	for _, c := range []struct {
		rpm  string
		want rpmInfo
		err  string
	}{
		{rpm: testRPM(t), want: rpmInfo{"plabtest", "1.0-1", "noarch"}},
		{rpm: plainRPM("httpd", "2.3", "4.el9", "x86_64"), want: rpmInfo{"httpd", "2.3-4.el9", "x86_64"}},
		{rpm: plainRPM("httpd", "2.3", "4.el9", "x86_64", rpmTag{rpmTagEpoch, rpmInt32, 1}), want: rpmInfo{"httpd", "1:2.3-4.el9", "x86_64"}},
		{rpm: plainRPM("httpd", "2.3", "4.el9", "x86_64", rpmTag{rpmTagEpoch, rpmInt32, 0}), want: rpmInfo{"httpd", "2.3-4.el9", "x86_64"}},
		{rpm: plainRPM("", "2.3", "4.el9", "x86_64"), err: "names no package"},
		{rpm: plainRPM("a", "2.3", "", "x86_64"), err: "names no package"},
		{rpm: makeRPM(rpmTag{rpmTagName, rpmInt32, 7}), err: "damaged"},
		{rpm: makeRPM(rpmTag{rpmTagName, rpmString, "a"}, rpmTag{rpmTagEpoch, rpmString, ""}), err: "damaged"},
		{rpm: plainRPM(strings.Repeat("a", maxRPMText), "1", "1", "noarch"), err: "without an end"},
		{rpm: "x", err: "truncated"},
	} {
		got, err := readRPMInfo(strings.NewReader(c.rpm), int64(len(c.rpm)))
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%+v, %v; want %+v, %q", got, err, c.want, c.err)
		}
	}
}

// What points out of the store is refused, wherever it points.
func TestReadRPMInfoHostile(t *testing.T) {
	whole := plainRPM("httpd", "2.3", "4.el9", "x86_64", rpmTag{rpmTagEpoch, rpmInt32, 1})
	for i := rpmLead; i < len(whole); i++ {
		for _, b := range []byte{0, 1, 0x7f, 0xff} {
			hostile := whole[:i] + string([]byte{b}) + whole[i+1:]
			info, err := readRPMInfo(strings.NewReader(hostile), int64(len(hostile)))
			if err == nil && (info.name == "" || len(info.name) > maxRPMText || !strings.Contains(info.version, "-")) {
				t.Fatalf("byte %d as %#x: %+v", i, b, info)
			}
		}
		if _, err := readRPMInfo(strings.NewReader(whole[:i]), int64(i)); err == nil && i < len(whole)-len("payload") {
			t.Fatalf("%d of %d bytes pass", i, len(whole))
		}
	}
}

func FuzzReadRPMInfo(f *testing.F) {
	f.Add(testRPM(f))
	f.Add(plainRPM("httpd", "2.3", "4.el9", "x86_64", rpmTag{rpmTagEpoch, rpmInt32, 1}))
	f.Fuzz(func(t *testing.T, s string) {
		if info, err := readRPMInfo(strings.NewReader(s), int64(len(s))); err == nil && (info.name == "" || len(info.version) < 3) {
			t.Errorf("%+v", info)
		}
	})
}

// bundleOf makes a bundle of files, of which some are for web.
func bundleOf(t *testing.T, manager string, files map[string]string, install, previous []string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "b")
	from := filepath.Join(t.TempDir(), "from")
	b := &Bundle{
		Version: bundleVersion, Lab: "dental", Patch: "p", Manager: manager,
		Machines: map[string]BundleMachine{"web": {Install: install, Previous: previous}},
	}
	for name, content := range files {
		rec, err := hashFile(write(t, filepath.Join(from, name), content), name)
		if err != nil {
			t.Fatal(err)
		}
		b.Files = append(b.Files, BundleFile{Name: name, SHA256: rec.SHA256, Size: rec.Size, Package: "p", PackageVersion: "1", Arch: "all"})
	}
	if err := b.Save(from, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// told is what is told of a patch's files, one line each, without hashes.
func told(t *testing.T, p *lab.Patch) (lines []string) {
	t.Helper()
	rec, err := Pin(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rec.Files {
		line := fmt.Sprintf("%s %s %s %s", f.Name, f.Package, f.Version, f.Arch)
		if f.Beside {
			line += " beside"
		}
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

func TestPinTellsPackages(t *testing.T) {
	rpm := func(version string) string {
		return plainRPM("httpd", version, "4.el9", "x86_64", rpmTag{rpmTagEpoch, rpmInt32, 1})
	}
	control := "Package: lib\nVersion: 1:2.0-1\nArchitecture: amd64\n"
	lib, err := os.ReadFile(packed(t, "", packings[""], control))
	if err != nil {
		t.Fatal(err)
	}
	debs := map[string]string{"new.deb": testDeb(t), "old.deb": string(lib)}
	rpms := map[string]string{"new.rpm": rpm("2.3"), "old.rpm": rpm("2.2"), "more.rpm": testRPM(t)}
	one := filepath.Join(t.TempDir(), "own.deb")
	write(t, one, testDeb(t))
	own := filepath.Join(t.TempDir(), "own.rpm")
	write(t, own, rpm("2.3"))
	apt := bundleOf(t, "apt", debs, []string{"new.deb"}, []string{"old.deb"})
	both := bundleOf(t, "apt", debs, []string{"new.deb", "old.deb"}, []string{"old.deb"})
	dnf := bundleOf(t, "dnf", rpms, []string{"new.rpm"}, []string{"old.rpm"})
	web, db := []*lab.Machine{{Name: "web"}}, []*lab.Machine{{Name: "db"}}
	folder := t.TempDir()
	hidden := write(t, filepath.Join(folder, "payload"), testDeb(t))
	script := write(t, filepath.Join(folder, "fix.sh"), "#!/bin/sh\n")
	broken := write(t, filepath.Join(folder, "broken"), arMagic+"nothing")
	evil := packed(t, "", packings[""], "Package: lib\nVersion: 1\x1b[31m<script>\nArchitecture: \xff"+strings.Repeat("a", 1000)+"\n")

	for name, c := range map[string]struct {
		patch *lab.Patch
		want  []string
	}{
		"deb": {&lab.Patch{Kind: lab.PatchDeb, Files: []string{one}}, []string{"own.deb plabtest 1.0 all"}},
		"apt": {&lab.Patch{Kind: lab.PatchApt, Bundle: apt, Targets: web}, []string{"bundle.json beside", "new.deb plabtest 1.0 all", "old.deb lib 1:2.0-1 amd64 beside"}},
		"apt, old for one, new for another": {
			&lab.Patch{Kind: lab.PatchApt, Bundle: both, Targets: web},
			[]string{"bundle.json beside", "new.deb plabtest 1.0 all", "old.deb lib 1:2.0-1 amd64"},
		},
		"rpm": {&lab.Patch{Kind: lab.PatchRPM, Files: []string{own}}, []string{"own.rpm httpd 1:2.3-4.el9 x86_64"}},
		"dnf": {&lab.Patch{Kind: lab.PatchDNF, Bundle: dnf, Targets: web}, []string{
			"bundle.json beside", "more.rpm plabtest 1.0-1 noarch beside", "new.rpm httpd 1:2.3-4.el9 x86_64", "old.rpm httpd 1:2.2-4.el9 x86_64 beside",
		}},
		"zypper, chosen by name": {&lab.Patch{Kind: lab.PatchZypper, Bundle: dnf, Targets: db}, []string{
			"bundle.json beside", "more.rpm plabtest 1.0-1 noarch", "new.rpm httpd 1:2.3-4.el9 x86_64", "old.rpm httpd 1:2.2-4.el9 x86_64 beside",
		}},
		"part of a batch, for the batch's targets": {
			&lab.Patch{Kind: lab.PatchBatch, Targets: db, Parts: []*lab.Patch{{Kind: lab.PatchDNF, Bundle: dnf, Targets: web}, {Kind: lab.PatchDNF, Bundle: dnf}}},
			[]string{
				"bundle.json beside", "more.rpm plabtest 1.0-1 noarch", "new.rpm httpd 1:2.3-4.el9 x86_64", "old.rpm httpd 1:2.2-4.el9 x86_64 beside",
			},
		},
		"script": {&lab.Patch{Kind: lab.PatchScript, Script: script, Files: []string{hidden, broken}}, []string{"broken", "fix.sh", "payload plabtest 1.0 all"}},
		"evil": {&lab.Patch{Kind: lab.PatchDeb, Files: []string{evil}}, []string{
			"x.deb lib " + lab.Printable("1\x1b[31m<script>", 200) + " " + lab.Printable("\xff"+strings.Repeat("a", 1000), 200),
		}},
	} {
		if d := cmp.Diff(c.want, told(t, c.patch)); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

// A bundle beside .rpm files is for the way back alone; beside .deb files it
// has what these need as well.
func TestPinTellsWhatIsBesideFiles(t *testing.T) {
	own, ownDeb := write(t, filepath.Join(t.TempDir(), "own.rpm"), testRPM(t)), write(t, filepath.Join(t.TempDir(), "own.deb"), testDeb(t))
	rpms := bundleOf(t, "dnf", map[string]string{"a.rpm": testRPM(t)}, []string{"a.rpm"}, nil)
	debs := bundleOf(t, "apt", map[string]string{"a.deb": testDeb(t), "b.deb": testDeb(t)}, []string{"a.deb"}, []string{"b.deb"})
	beside := func(p *lab.Patch) (names []string) {
		for _, line := range told(t, p) {
			if strings.HasSuffix(line, " beside") {
				names = append(names, filepath.Base(strings.Fields(line)[0]))
			}
		}
		return names
	}
	if got := beside(&lab.Patch{Kind: lab.PatchRPM, Files: []string{own}, Bundle: rpms}); !slices.Equal(got, []string{"a.rpm", "bundle.json"}) {
		t.Errorf("beside own.rpm: %v", got)
	}
	if got := beside(&lab.Patch{Kind: lab.PatchDeb, Files: []string{ownDeb}, Bundle: debs}); !slices.Equal(got, []string{"b.deb", "bundle.json"}) {
		t.Errorf("beside own.deb: %v", got)
	}
}
