package guest

import (
	"fmt"
	"io"

	"github.com/patchlab/patchlab/lab"
)

// dialect is how one family of operating systems is spoken to. Its methods
// return commands for the machine's SSH server.
type dialect interface {
	// wrap makes a command that runs c.Shell with c.Env and announces its
	// process on stderr: the line mark + process number. Stdin is what the
	// command is to be given; nil: nothing.
	wrap(c lab.Command, mark string) (line string, stdin io.Reader, err error)
	// kill ends the process, its group and all that descends from it.
	kill(pid int) string
	// state prints one line: "ready", "wait <for what>" or "fail <why>".
	// With packages, it also waits for package managers.
	state(packages bool) string
	// bootID prints what changes with every start of the system.
	bootID() string
	// reboot asks for a restart and returns without waiting for it.
	reboot() string
	// sums prints the SHA-256 of each path in hex, one line each, in order.
	sums(paths []string) string
	// remove removes files, also such as are not there. It is not for wrap.
	remove(paths []string) (line string, stdin io.Reader)
	// remotePath is an absolute path as the machine's SFTP server takes it,
	// with slashes and clean; false when p is none.
	remotePath(p string) (string, bool)
	// modes reports whether files have modes.
	modes() bool
	// freeze stops and masks background updaters; what it cannot stop it
	// names on stderr, and exits with 1.
	freeze() string
	// load prints the busy share of the processors over 2 s in percent and,
	// from busyPercent on, the name of the busiest process.
	load() string
	// trim fills the free memory with zeros and gives it back.
	trim() string
	// plant writes nonce where only memory is, and removes all markers.
	plant(nonce string) string
	// wake is the machine's side of a wakeTalk. It exits with wakeNoMark when
	// it cannot write the marker (empty: none is wanted), with wakeNoClock
	// when it cannot set the clock.
	wake(marker string) string
}

// dialect returns how the guest's machine is spoken to.
func (g *Guest) dialect() (dialect, error) {
	switch os := g.cfg.Machine.Image.OS; os {
	case lab.Linux:
		return linux{root: g.root}, nil
	case lab.Windows:
		return windows{}, nil
	default:
		return nil, g.fail("command", fmt.Errorf("unknown operating system %q", os))
	}
}
