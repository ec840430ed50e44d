package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// What a package, a version and an architecture look like in apt: with
// anything else a pin would match other packages than those that were meant.
var (
	aptName    = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	aptVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+:~-]*$`)
	aptArch    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
)

// pin is one version of one package that may go out.
type pin struct {
	name, arch, version string
	sources             []string // what says so
}

// writeApt writes preferences as apt_preferences(5) has them. Of the records
// for a version the first that is for this very package counts, so there are
// three for each: the approved version, then what is installed, so that it
// stays where nothing newer is approved, then all others. Without the first,
// packages stay that were approved and are no longer: what was rejected, or has
// run out, must not be opened up to any version. A package for all
// architectures counts as one of the machine's own.
func writeApt(out *bytes.Buffer, s approvedSet) error {
	pins, left := aptPins(s)
	comment(out, s.heading()...)
	if len(pins) > 0 || len(s.packages) > 0 {
		comment(out,
			"Of each package below apt installs the approved version and no other; what is",
			"installed stays, and is not downgraded. For /etc/apt/preferences.d, under a name",
			"that comes before others, such as 00-patchlab: the first record for a package counts.",
			"apt goes by versions and does not compare bytes: patchlab gate does. Where a package is",
			"installed for two architectures, and approved for one of them, apt-get upgrade leaves",
			"both alone; dist-upgrade would remove the other.")
	}
	if len(left) > 0 {
		comment(out, "Approved, but nothing that apt preferences can say:")
		for _, line := range left {
			comment(out, "  "+line)
		}
	}
	for i, p := range pins {
		out.WriteByte('\n')
		comment(out, p.sources...)
		full := p.name
		if p.arch != "all" {
			full += ":" + p.arch
		}
		record(out, full, "version "+p.version, 990)
		if i+1 == len(pins) || pins[i+1].name != p.name {
			out.WriteByte('\n')
			closed(out, p.name)
		}
	}
	for _, name := range s.packages {
		if !slices.ContainsFunc(pins, func(p pin) bool { return p.name == name }) {
			out.WriteByte('\n')
			comment(out, "no version of it is approved now")
			closed(out, name)
		}
	}
	return nil
}

// closed keeps a package at what is installed.
func closed(out *bytes.Buffer, name string) {
	record(out, name+":any", "release a=now", 100)
	out.WriteByte('\n')
	record(out, name+":any", "version *", -1)
}

func record(out *bytes.Buffer, name, pinned string, priority int) {
	fmt.Fprintf(out, "Package: %s\nPin: %s\nPin-Priority: %d\n", name, pinned, priority)
}

// aptPins are the packages of approved patches, sorted, each version once, and
// what else is in them.
func aptPins(s approvedSet) (pins []pin, left []string) {
	for _, e := range s.entries {
		for _, f := range filesOut(e) {
			source := fileOf(e, f) + ", " + basis(e)
			if !isDeb(e, f) || !aptVersion.MatchString(f.Version) || !aptArch.MatchString(f.Arch) {
				left = append(left, source)
				continue
			}
			if why := s.released(f, func(_ Entry, o lab.FileRecord) bool {
				return o.Package == f.Package && o.Version == f.Version && o.Arch == f.Arch
			}); why != "" {
				left = append(left, source+": "+why)
				continue
			}
			same := func(p pin) bool { return p.name == f.Package && p.arch == f.Arch && p.version == f.Version }
			if i := slices.IndexFunc(pins, same); i >= 0 {
				pins[i].sources = append(pins[i].sources, source)
				continue
			}
			pins = append(pins, pin{f.Package, f.Arch, f.Version, []string{source}})
		}
	}
	slices.SortFunc(pins, func(a, b pin) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.arch, b.arch), cmp.Compare(a.version, b.version))
	})
	return pins, left
}

// isDeb reports whether f is a Debian package that e installs.
func isDeb(e Entry, f lab.FileRecord) bool {
	deb := hasSuffix(f, ".deb") || e.Patch.Kind == lab.PatchDeb || e.Patch.Kind == lab.PatchApt
	return deb && isInstalled(e) && aptName.MatchString(f.Package)
}

// debsOf are the names of the Debian packages that entries are about, sorted.
func debsOf(entries []*Entry) []string {
	names := map[string]bool{}
	for _, e := range entries {
		for _, f := range filesOut(*e) {
			if isDeb(*e, f) {
				names[f.Package] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
