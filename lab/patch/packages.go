package patch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// pkg is one package as dpkg knows it.
type pkg struct {
	version string
	state   string // ${Status}: "install ok installed"
}

func (p pkg) installed() bool { return strings.HasSuffix(p.state, " ok installed") }

// present reports whether files of the package are on the machine, in
// whatever state.
func (p pkg) present() bool {
	return p.state != "" && !strings.HasSuffix(p.state, " not-installed") && !strings.HasSuffix(p.state, " config-files")
}

// state is what dpkg says of a machine.
type state struct {
	packages map[string]pkg // by "name:architecture"
	audit    string         // output of dpkg --audit: empty when all is well
}

// stateScript prints the packages, an empty line, and the audit. Without dpkg
// it prints nothing.
const stateScript = `command -v dpkg-query >/dev/null || exit 0
dpkg-query --show --showformat='${Package}:${Architecture}\t${Version}\t${Status}\n' || exit 1
echo
dpkg --audit || :`

// state asks dpkg about the machine.
func (j *job) state(ctx context.Context) (state, error) {
	text, err := j.ask(ctx, stateScript)
	if err != nil {
		return state{}, err
	}
	st, err := parseState(text)
	if err != nil {
		return state{}, &lab.GuestError{Machine: j.guest.Machine().Name, Op: "prepare the patch on", Err: err}
	}
	return st, nil
}

func parseState(text string) (state, error) {
	list, audit, _ := strings.Cut(text, "\n\n")
	st := state{packages: map[string]pkg{}, audit: strings.TrimSpace(audit)}
	for line := range strings.Lines(list) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) == 1 && f[0] == "" {
			continue
		}
		if len(f) != 3 || f[0] == "" {
			return state{}, fmt.Errorf("dpkg lists a package in an unexpected way: %q", lab.Printable(line, 100))
		}
		st.packages[f[0]] = pkg{version: f[1], state: f[2]}
	}
	return st, nil
}

// changes lists the packages whose version differs, by name.
func changes(before, after state) (list []lab.PackageChange) {
	all := maps.Clone(before.packages)
	maps.Copy(all, after.packages)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		from, to := versionOf(before, name), versionOf(after, name)
		if from != to {
			list = append(list, lab.PackageChange{Name: name, From: from, To: to})
		}
	}
	return list
}

// versionOf is the version of a package that is on the machine, else empty.
func versionOf(st state, name string) string {
	if p := st.packages[name]; p.present() {
		return p.version
	}
	return ""
}
