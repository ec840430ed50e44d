package patch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// deb is one package file of a patch, as the machine's dpkg-deb reads it.
type deb struct {
	file    string // base name on the host
	staged  string // path on the machine
	name    string
	version string
	arch    string
	depends string // Depends and Pre-Depends
	native  string // the machine's own architecture
	fits    bool   // whether the machine takes the architecture
}

// fields are asked of dpkg-deb, which prints "Name: value" for those there
// are.
var fields = []string{"Package", "Version", "Architecture", "Depends", "Pre-Depends"}

// read takes the fields in; false when one that each package has is missing.
// Archs are the machine's architectures, its own first.
func (d *deb) read(text string, archs []string) bool {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Package":
			d.name = value
		case "Version":
			d.version = value
		case "Architecture":
			d.arch = value
		case "Depends", "Pre-Depends":
			d.depends += value + ","
		}
	}
	if len(archs) > 0 {
		d.native = archs[0]
	}
	d.fits = d.arch == "all" || slices.Contains(archs, d.arch)
	return d.name != "" && d.version != "" && d.arch != ""
}

// id is how the machine lists the package.
func (d deb) id() string { return d.name + ":" + d.arch }

// installedAs finds the package on the machine, also where a new version
// changes between a certain architecture and "all".
func (d deb) installedAs(st state) (pkg, bool) {
	for _, arch := range []string{d.arch, d.native, "all"} {
		if p := st.packages[d.name+":"+arch]; p.present() {
			return p, true
		}
	}
	return pkg{}, false
}

// choose picks the packages that are installed, or says why none is.
//
// Those for other architectures are left out. With installedOnly, so are
// those that the machine does not have in some version, unless a chosen one
// depends on them by name.
func choose(debs []deb, st state, installedOnly bool) ([]deb, *lab.PatchOutcome) {
	chosen := slices.DeleteFunc(slices.Clone(debs), func(d deb) bool { return !d.fits })
	if len(chosen) == 0 {
		return nil, &lab.PatchOutcome{
			Status:  lab.NotApplicable,
			Message: fmt.Sprintf("its packages are for %s, the machine is %s", architectures(debs), debs[0].native),
		}
	}
	if twice := duplicate(chosen); twice != "" {
		o := failed(0, "the patch has package %s in more than one file", twice)
		return nil, &o
	}
	if installedOnly {
		chosen = needed(chosen, st)
		if len(chosen) == 0 {
			return nil, &lab.PatchOutcome{Status: lab.NotApplicable, Message: "none of its packages is installed"}
		}
	}
	return chosen, nil
}

// needed are the packages that the machine has, and those of the patch that
// these depend on, in the patch's order.
func needed(debs []deb, st state) []deb {
	want := map[string]bool{}
	for _, d := range debs {
		if _, there := d.installedAs(st); there {
			want[d.id()] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for _, d := range debs {
			if !want[d.id()] {
				continue
			}
			for _, e := range debs {
				if !want[e.id()] && d.dependsOn(e.name) {
					want[e.id()], grown = true, true
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(debs), func(d deb) bool { return !want[d.id()] })
}

// packageName is where a relation begins: at the start, or after "," or "|".
var packageName = regexp.MustCompile(`(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]*)`)

func (d deb) dependsOn(name string) bool {
	for _, m := range packageName.FindAllStringSubmatch(d.depends, -1) {
		if m[1] == name {
			return true
		}
	}
	return false
}

// duplicate is the name of a package that comes twice, else empty.
func duplicate(debs []deb) string {
	seen := map[string]bool{}
	for _, d := range debs {
		if seen[d.id()] {
			return d.id()
		}
		seen[d.id()] = true
	}
	return ""
}

func architectures(debs []deb) string {
	var list []string
	for _, d := range debs {
		if !slices.Contains(list, d.arch) {
			list = append(list, d.arch)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
