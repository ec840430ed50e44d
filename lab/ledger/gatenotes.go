package ledger

import (
	"fmt"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// notes are what one should know of e, which decides about s.
func (b *bench) notes(e *Entry, s *set) (list []string) {
	if b.isAhead(e) {
		list = append(list, fmt.Sprintf("it is entered as of %s, which has not come: the clock of host %s, or this one's, is wrong",
			stamp(latest(e.Time, timeOf(e))), lab.Printable(e.Host, longName)))
	}
	if e.Kind == Run {
		return append(list, notesOfRun(e)...)
	}
	if text := why(e); text != "" {
		list = append(list, "given as the reason"+text)
	}
	for _, run := range s.entries {
		if passed(run) || failed(run) {
			return append(list, "the newest run of it "+tell(run))
		}
	}
	return append(list, "no run said anything of it before")
}

// notesOfRun are what one should know of a run that passed.
func notesOfRun(e *Entry) (list []string) {
	for _, weak := range e.Run.Weak {
		list = append(list, "the run was made with "+lab.Printable(weak, longText))
	}
	if e.Run.Trial {
		list = append(list, "the run was one trial of a bisection: nobody looked at what it changed")
	}
	if len(e.Run.Unused) > 0 {
		list = append(list, "nothing was to do on "+some(printables(e.Run.Unused))+": not applicable there, or installed already")
	}
	if e.Patch.Kind == lab.PatchFile {
		list = append(list, "it was tested as a file that replaces another, not as something to be installed")
	}
	return list
}

// elsewhere mentions what failed with f in it, and is no reason against it
// because not all of it goes out.
func (b *bench) elsewhere(f lab.FileRecord, sets []*set, together hashes) (list []string) {
	for _, x := range objections(sets) {
		if failed(x.Entry) && !together.holds(x.of.files) && len(list) < mostSaid {
			list = append(list, fmt.Sprintf("%s %s, in a patch of %s", lab.Printable(f.Name, longName), tell(x.Entry), some(x.of.named())))
		}
	}
	return list
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
