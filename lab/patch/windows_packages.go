package patch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// servicing is what Windows says of its own updates.
type servicing struct {
	build    string            // "26100.3323"
	packages map[string]string // identity: state, as DISM names both
	hotfixes map[string]bool   // "KB5052093"
}

const (
	packageInstalled  = "Installed"
	packagePending    = "InstallPending"
	packageSuperseded = "Superseded"
)

func (j *job) servicing(ctx context.Context) (servicing, error) {
	j.progress.Step("asking for the installed packages")
	s := servicing{packages: map[string]string{}, hotfixes: map[string]bool{}}
	err := j.rows(ctx, windowsScript("packages"), func(word string, field func(int) string) {
		switch word {
		case "build":
			s.build = field(1)
		case "package":
			s.packages[field(1)] = field(2)
		case "hotfix":
			s.hotfixes[strings.ToUpper(field(1))] = true
		}
	})
	return s, err
}

// in reports whether a package is installed, or will be with the next start.
func (s servicing) in(identity string) bool {
	return s.packages[identity] == packageInstalled || s.packages[identity] == packagePending
}

// added are the packages that came since before, sorted.
func (s servicing) added(before servicing) []string {
	var added []string
	for _, identity := range slices.Sorted(maps.Keys(s.packages)) {
		if s.in(identity) && !before.in(identity) {
			added = append(added, identity)
		}
	}
	return added
}

// splitIdentity takes name and version out of a package's identity,
// "name~publisher~processor~language~version".
func splitIdentity(identity string) (name, version string) {
	parts := strings.Split(identity, "~")
	return parts[0], parts[len(parts)-1]
}

// changes are the packages added since before, with what each replaced.
func (s servicing) changes(before servicing) []lab.PackageChange {
	var changes []lab.PackageChange
	for _, identity := range s.added(before) {
		c := lab.PackageChange{}
		c.Name, c.To = splitIdentity(identity)
		for _, old := range slices.Sorted(maps.Keys(before.packages)) {
			name, version := splitIdentity(old)
			if name == c.Name && before.packages[old] == packageInstalled {
				c.From = version
			}
		}
		c.Name, c.From, c.To = lab.Printable(c.Name, 100), lab.Printable(c.From, 40), lab.Printable(c.To, 40)
		changes = append(changes, c)
	}
	return changes
}

// cumulativeRevision is the revision that a cumulative update brings, the
// second number of its version and the last of the build; empty for another
// package. The first numbers may differ: editions of Windows that share their
// updates have builds of their own (19041 and 19045, 26100 and 26200).
func cumulativeRevision(identity string) string {
	name, version := splitIdentity(identity)
	parts := strings.Split(version, ".")
	if !strings.EqualFold(name, "Package_for_RollupFix") || len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// servicingStack reports whether a package is the servicing stack, which
// Windows keeps for good.
func servicingStack(identity string) bool {
	name, _ := splitIdentity(identity)
	return strings.HasPrefix(strings.ToLower(name), "package_for_servicingstack")
}

// missing says which of the packages is not in after all reboots; empty:
// none. A later one may have taken its place.
func (s servicing) missing(identities []string) string {
	for _, identity := range identities {
		state := s.packages[identity]
		if state != packageInstalled && state != packageSuperseded {
			return fmt.Sprintf("%s is %s", identity, orNone(state))
		}
		revision := cumulativeRevision(identity)
		if revision != "" && state == packageInstalled && !strings.HasSuffix(s.build, "."+revision) {
			return fmt.Sprintf("the build is %s, not revision %s", s.build, revision)
		}
	}
	return ""
}
