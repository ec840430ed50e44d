package state

import (
	"context"
	"crypto/rand"
	_ "embed" // for the script
	"errors"
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

//go:embed linux.sh
var linuxScript string

// linux surveys Linux machines with a POSIX shell and GNU tools. Where a tool
// is missing there is a gap.
type linux struct {
	root string // see Surveyor
}

// linuxParts are the parts of the script: their name there, what they are, the
// kinds that come of them, and how they are read.
var linuxParts = []struct {
	name, what string
	kinds      []lab.StateKind
	read       func(*stock, []byte) error
}{
	{"packages", "packages", []lab.StateKind{lab.StatePackage}, readPackages},
	{"units", "services", []lab.StateKind{lab.StateService, lab.StateFailed, lab.StateTimer}, readUnits},
	{"cron", "cron's jobs", []lab.StateKind{lab.StateTimer}, readCronJobs},
	{"booted", "how long the boot took", []lab.StateKind{lab.StateBoot}, readBooted},
	{"ports", "ports", []lab.StateKind{lab.StatePort}, readPorts},
	{"firewall", "firewall", []lab.StateKind{lab.StateFirewall}, readFirewall},
	{"errors", "errors in the log", []lab.StateKind{lab.StateError}, readJournal},
	{"disks", "disks", []lab.StateKind{lab.StateDisk}, readDisks},
}

// survey does all but the watched commands.
func (l linux) survey(ctx context.Context, g lab.Guest, st *stock, p lab.Progress) error {
	p.Step("taking stock")
	paths := cleanPaths(g.Machine().Watch.Paths)
	mark := rand.Text()
	got, out, late, err := run(ctx, g, lab.Command{
		Shell: l.script(paths), Stdin: strings.NewReader(mark + "\n"), Timeout: surveyTimeout,
	}, maxSurvey)
	if err != nil {
		return err
	}
	frames, whole := parseFrames(got.data, mark)
	if len(frames) == 0 && late == nil {
		return &lab.GuestError{
			Machine: g.Machine().Name, Op: "take stock of", Tail: lab.PrintableText(st.redact(string(out.Stderr)), 2048),
			Err: fmt.Errorf("its shell exits with %d and has said nothing", out.ExitCode),
		}
	}
	if !whole {
		st.gap("all that is not here", cutShort(got, late).Error())
	}
	l.read(st, frames)
	files := l.list(st, frames, paths)
	return l.contents(ctx, g, st, files, p)
}

// cutShort says why a script's output has no end.
func cutShort(got *limited, late error) error {
	switch {
	case late != nil:
		return late
	case got.cut:
		return fmt.Errorf("the machine says more than %d MiB", got.most>>20)
	}
	return errors.New("the script broke off")
}

// script is the survey's command.
func (l linux) script(paths []string) string {
	return "export LC_ALL=C\n" +
		"root=" + guest.Quote(l.root) + "\n" +
		fmt.Sprintf("most=%d\n", maxList) +
		"set -- " + guest.Quote(l.rooted(paths)...) + "\n" +
		linuxScript
}

func (l linux) rooted(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = l.root + p
	}
	return out
}

// read reads all frames but those of files.
func (l linux) read(st *stock, frames map[string]frame) {
	for name, f := range frames {
		if !strings.HasPrefix(name, "files:") { // names of files are needed as they are
			f.data = []byte(st.redact(string(f.data))) // before anything makes a secret look different
			frames[name] = f
		}
	}
	readLines(st, frames)
	for _, part := range linuxParts {
		f, ok := frames[part.name]
		switch {
		case !ok:
			st.gap(part.what, "the machine has not come to it", part.kinds...)
		case f.fault() != "":
			st.gap(part.what, f.fault(), part.kinds...)
		default:
			st.looked(part.kinds...)
			if err := part.read(st, f.data); err != nil {
				st.gap(part.what, err.Error(), part.kinds...)
			}
		}
	}
}
