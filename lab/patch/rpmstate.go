package patch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// rpmState is what rpm says of a machine.
type rpmState struct {
	arch     string              // as uname -m says it
	tools    []string            // of dnf, yum, zypper and rpm, those that are there, in this order
	packages map[string][]string // versions by "name.arch", oldest first; kernels may have several
}

// rpmVersion is the query for a version; "0:" before it means nothing.
const rpmVersion = `%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}`

// rpmStateScript prints the architecture, the tools and the packages. Without
// rpm it prints nothing. Keys that packages are signed with are listed as
// packages without an architecture.
const rpmStateScript = `command -v rpm >/dev/null || exit 0
echo "arch $(uname -m)"
for t in dnf yum zypper rpm; do
	if command -v "$t" >/dev/null; then echo "tool $t"; fi
done
rpm -qa --qf 'package %{NAME}.%{ARCH} ` + rpmVersion + `\n'`

// rpmState asks rpm about the machine.
func (j *job) rpmState(ctx context.Context) (rpmState, error) {
	text, err := j.ask(ctx, rpmStateScript)
	if err != nil {
		return rpmState{}, err
	}
	st, err := parseRPMState(text)
	if err != nil {
		return rpmState{}, &lab.GuestError{Machine: j.guest.Machine().Name, Op: "prepare the patch on", Err: err}
	}
	return st, nil
}

func parseRPMState(text string) (rpmState, error) {
	st := rpmState{packages: map[string][]string{}}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "arch":
			st.arch = f[1]
		case len(f) == 2 && f[0] == "tool":
			st.tools = append(st.tools, f[1])
		case len(f) == 3 && f[0] == "package":
			if !strings.HasSuffix(f[1], ".(none)") {
				st.packages[f[1]] = append(st.packages[f[1]], plainVersion(f[2]))
			}
		default:
			return rpmState{}, fmt.Errorf("rpm lists a package in an unexpected way: %q", lab.Printable(line, 100))
		}
	}
	for _, versions := range st.packages {
		slices.SortFunc(versions, compareRPM)
	}
	return st, nil
}

func plainVersion(v string) string { return strings.TrimPrefix(v, "0:") }

// has reports whether a package is there in exactly this version.
func (st rpmState) has(id, version string) bool { return slices.Contains(st.packages[id], version) }

// newest is the newest version of a package; empty when it is not there.
func (st rpmState) newest(id string) string {
	if v := st.packages[id]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// tool is the first of those wanted that the machine has, else empty.
func (st rpmState) tool(wanted ...string) string {
	for _, t := range wanted {
		if slices.Contains(st.tools, t) {
			return t
		}
	}
	return ""
}

// rpmChanges lists the packages whose versions differ, by name. Of several
// versions all are named.
func rpmChanges(before, after rpmState) (list []lab.PackageChange) {
	all := map[string][]string{}
	maps.Copy(all, before.packages)
	maps.Copy(all, after.packages)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		from, to := strings.Join(before.packages[id], " "), strings.Join(after.packages[id], " ")
		if from != to {
			list = append(list, lab.PackageChange{Name: id, From: from, To: to})
		}
	}
	return list
}
