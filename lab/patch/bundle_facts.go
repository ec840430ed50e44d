package patch

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// facts are what has to be known of a machine to resolve packages for it.
type facts struct {
	machine string
	release string   // code name
	archs   []string // its own first
	status  string   // /var/lib/dpkg/status
	state   state
}

// statusLimit is how long dpkg's status may be, in bytes.
const statusLimit = 64 << 20

const factsScript = `command -v dpkg >/dev/null || exit 0
dpkg --print-architecture && dpkg --print-foreign-architectures && echo && cat /etc/os-release`

// codeWord is what names of releases and architectures look like.
var codeWord = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// askFacts asks a machine.
func askFacts(ctx context.Context, g lab.Guest) (facts, error) {
	j := Applier{}.job(nil, g, nil, nil)
	f := facts{machine: g.Machine().Name}
	text, err := j.ask(ctx, factsScript)
	if err != nil {
		return f, err
	}
	if err := f.parse(text); err != nil {
		return f, &lab.GuestError{Machine: f.machine, Op: "find out what is installed on", Err: err}
	}
	if f.state, err = j.state(ctx); err != nil {
		return f, err
	}
	f.status, err = j.askUpTo(ctx, "cat /var/lib/dpkg/status", statusLimit)
	return f, err
}

// parse takes in what factsScript prints.
func (f *facts) parse(text string) error {
	if text == "" {
		return errors.New("it has no dpkg")
	}
	archs, release, _ := strings.Cut(text, "\n\n")
	f.archs = strings.Fields(archs)
	for line := range strings.Lines(release) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			f.release = strings.Trim(value, `"'`)
		}
	}
	if f.release == "" {
		return errors.New("its /etc/os-release has no VERSION_CODENAME")
	}
	if len(f.archs) == 0 || slices.ContainsFunc(append(f.archs, f.release), func(w string) bool { return !codeWord.MatchString(w) }) {
		return errors.New("it names its release or architecture in an unexpected way")
	}
	return nil
}

// allArchs are the architectures of all machines, each once.
func allArchs(list []facts) (archs []string) {
	for _, f := range list {
		archs = append(archs, f.archs...)
	}
	return once(archs)
}

// installedAs finds the architecture in which a package is there in a
// version, first the one that is given.
func (f *facts) installedAs(name, version, arch string) string {
	for _, a := range append([]string{arch, "all"}, f.archs...) {
		if p := f.state.packages[name+":"+a]; p.present() && p.version == version {
			return a
		}
	}
	return arch
}
