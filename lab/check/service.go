package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// unitState is what the service manager says of a unit.
type unitState struct {
	load    string // "loaded", "not-found", "masked", …
	active  string // "active", "inactive", "failed", "activating", …
	enabled string // "enabled", "disabled", "static", …
	exit    string // exit code of "systemctl is-enabled"
}

// service asks systemd, or Windows, whether a unit is active and enabled. A
// unit that is not there is neither active nor inactive: it fails either way,
// since it is most likely a wrong name.
func service(ctx context.Context, s *lab.ServiceCheck, at place) finding {
	if at.Guest == nil {
		return finding{err: errNeedsMachine}
	}
	if at.os == lab.Windows {
		return windowsService(ctx, s, at)
	}
	out, err := at.Guest.Run(ctx, lab.Command{Shell: unitScript(s.Unit)})
	f := finding{err: err, evidence: both(out.Stdout, out.Stderr)}
	if err != nil {
		return f
	}
	st := parseUnit(string(out.Stdout))
	if st.load == "" || st.active == "" {
		f.faults = append(f.faults, "systemctl does not tell the state of "+s.Unit+": "+lastLine(out.Stderr))
		return f
	}
	if st.load == "not-found" {
		f.faults = append(f.faults, "there is no unit "+s.Unit)
		return f
	}
	f.seen = s.Unit
	f.expectState(s.Active, st.active, st.isActive(), "active", "inactive")
	f.expectState(s.Enabled, st.enabled, st.isEnabled(), "enabled", "disabled")
	f.seen = strings.Replace(f.seen, ", ", " is ", 1)
	return f
}

func unitScript(unit string) string {
	u := guest.Quote(unit)
	return `echo "load=$(systemctl show --property=LoadState --value -- ` + u + `)"
echo "active=$(systemctl is-active -- ` + u + ` 2>/dev/null)"
enabled=$(systemctl is-enabled -- ` + u + ` 2>/dev/null); exit=$?
echo "enabled=$enabled"
echo "exit=$exit"`
}

func parseUnit(text string) (st unitState) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "load":
			st.load = value
		case "active":
			st.active = value
		case "enabled":
			st.enabled = value
		case "exit":
			st.exit = value
		}
	}
	return st
}

// tri is yes, no, or neither: on its way from one to the other, or unknown.
type tri int

const (
	neither tri = iota
	yes
	no
)

func (st unitState) isActive() tri {
	switch st.active {
	case "active":
		return yes
	case "inactive", "failed":
		return no
	}
	return neither
}

func (st unitState) isEnabled() tri {
	switch {
	case st.enabled == "" || st.exit == "":
		return neither
	case st.exit == "0":
		return yes
	}
	return no
}

// expectState compares what is with what is wanted, nil for anything.
func (f *finding) expectState(want *bool, word string, is tri, whenTrue, whenFalse string) {
	if want == nil {
		return
	}
	wanted, text := no, whenFalse
	if *want {
		wanted, text = yes, whenTrue
	}
	if is != wanted {
		f.faults = append(f.faults, fmt.Sprintf("%s is %s, want %s", f.seen, orUnknown(word), text))
		return
	}
	f.seen += ", " + word
}

func orUnknown(word string) string {
	if word == "" {
		return "in an unknown state"
	}
	return word
}
