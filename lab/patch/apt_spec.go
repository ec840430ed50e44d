package patch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// aptSpec is what a patch may name: a package, maybe of an architecture, and
// maybe a version. A name does not end in "-", by which apt would remove it.
var aptSpec = regexp.MustCompile(`^([a-z0-9](?:[a-z0-9+.-]*[a-z0-9+.])?)(?::([a-z0-9-]+))?(?:=([A-Za-z0-9.+:~-]+))?$`)

// splitSpec takes a package that a patch names to pieces.
func splitSpec(spec string) (name, arch, version string, err error) {
	m := aptSpec.FindStringSubmatch(spec)
	if m == nil {
		return "", "", "", &lab.UsageError{
			Err:  fmt.Errorf("%q names no package", spec),
			Hint: `write "name" or "name=version"`,
		}
	}
	return m[1], m[2], m[3], nil
}

// installedSpec finds the package that spec names on the machine.
func installedSpec(spec string, st state) (deb, bool) {
	name, arch, version, err := splitSpec(spec)
	if err != nil {
		return deb{}, false
	}
	var ids []string
	for id, p := range st.packages {
		n, a, _ := strings.Cut(id, ":")
		if n == name && (arch == "" || a == arch) && p.installed() && (version == "" || p.version == version) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return deb{}, false
	}
	slices.Sort(ids)
	_, arch, _ = strings.Cut(ids[0], ":")
	return deb{name: name, arch: arch, version: st.packages[ids[0]].version}, true
}
