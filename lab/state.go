package lab

import (
	"context"
	"strings"
)

// StateKind is a kind of thing that a machine's state is made of.
type StateKind string

// State kinds. What the name and the value of each are is said behind it.
const (
	StateOS       StateKind = "os"          // "kernel", "build": version
	StatePackage  StateKind = "package"     // "name:arch": version
	StateService  StateKind = "service"     // unit: "active enabled", as the service manager says both
	StatePort     StateKind = "port"        // "tcp 0.0.0.0:80": process
	StateFailed   StateKind = "failed-unit" // unit: "failed"
	StateUser     StateKind = "user"        // name: uid, group, home, shell, "locked"
	StateGroup    StateKind = "group"       // name: gid and members
	StateTimer    StateKind = "timer"       // scheduled task, timer or cron line: "enabled", command
	StateFirewall StateKind = "firewall"    // a rule, or its number in the list: rule
	StateFile     StateKind = "file"        // path: type, mode, owner, SHA-256 (or the target of a link)
	StateError    StateKind = "log-error"   // message without numbers: how often
	StateCommand  StateKind = "command"     // name of a watched command: exit code and SHA-256 of what it printed
	StateDisk     StateKind = "disk"        // mount point: MiB used; only a change of 16 MiB and 1 % is one
	StateMemory   StateKind = "memory"      // "used": MiB; only a change of 64 MiB and 20 % is one
	StateBoot     StateKind = "boot-time"   // "boot": seconds; only a change of 10 s and 50 % is one
)

// State is a machine's state at one moment. What the machine says is
// untrusted; a Surveyor has made it printable.
type State struct {
	// Items holds, for each kind that could be looked at, what there is.
	Items map[StateKind]map[string]string
	// Texts are the contents of text files of at most 64 KiB and the outputs
	// of watched commands, by "file:<path>" and "command:<name>".
	Texts map[string]string
	// Gaps says what could not be looked at, and why.
	Gaps []string
}

// system is what the machine says it runs, on one line: "Debian GNU/Linux 12
// (bookworm), kernel 6.1.0-50-cloud-amd64". Windows has its version in the
// name.
func (s *State) system() string {
	build := s.Items[StateOS]["build"]
	release, _, built := strings.Cut(s.Items[StateOS]["kernel"], " ")
	switch {
	case release == NotLookedAt || release == "", build != "" && !built:
		return build
	case build == "":
		return "kernel " + release
	}
	return build + ", kernel " + release
}

// StateChange is one difference between two states of a machine.
type StateChange struct {
	Machine string    `json:"machine"`
	Kind    StateKind `json:"kind"`
	Name    string    `json:"name"`
	From    string    `json:"from,omitempty"` // empty: it was not there
	To      string    `json:"to,omitempty"`   // empty: it is gone
	Diff    string    `json:"diff,omitempty"` // of text, unified, at most 8 KiB
}

// Surveyor takes stock of machines.
type Surveyor interface {
	// Survey takes stock of g, with what its definition says to watch. It
	// changes nothing there. Errors: *GuestError; ctx's. What could not be
	// looked at is no error, but a gap.
	Survey(ctx context.Context, g Guest, p Progress) (*State, error)
}
