package ledger

import (
	"fmt"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// lacks says what run e, a pass, lacks of an answer to run x, which failed;
// empty: nothing. Equal bytes are not enough: they may have been tried on other
// machines, in another way, or with less care. What x does not say counts
// against e.
func (b *bench) lacks(e, x *Entry) string {
	name := x.Patch.Name
	_, defined := b.q.Now.Parts[partOf(name)]
	switch {
	case e.Run.Trial:
		return "was one trial of a bisection"
	case defined && e.Patch.Name != name:
		return fmt.Sprintf("was not of patch %q as it is defined", lab.Printable(name, longName))
	case len(x.Run.Targets) == 0:
		return "cannot be compared with it: it does not say on which machines that was"
	}
	without := func(list, other []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
	}
	gone := func(machine string) bool { // from the definition that e was made on
		_, there := b.q.Now.Parts[fmt.Sprintf("machine %q", machine)]
		return !there
	}
	if missing := slices.DeleteFunc(without(x.Run.Targets, e.Run.Targets), gone); len(missing) > 0 {
		return "was not on " + some(printables(missing))
	}
	weaker := without(e.Run.Weak, x.Run.Weak)
	if isSamePatch(e, x) { // whether there is such a reboot is in the patch
		weaker = without(weaker, []string{WithoutReboot})
	}
	if len(weaker) > 0 {
		return "was made with " + some(printables(weaker))
	}
	return ""
}

// partOf is the part of a definition that is a patch.
func partOf(name string) string { return fmt.Sprintf("patch %q", name) }

// isSamePatch reports whether two runs certainly were of one patch, for the
// same machines and applied in the same way.
func isSamePatch(e, x *Entry) bool {
	if e.Definition == nil || x.Definition == nil || e.Patch.Name != x.Patch.Name {
		return false
	}
	sum := e.Definition.Parts[partOf(e.Patch.Name)]
	return sum != "" && sum == x.Definition.Parts[partOf(x.Patch.Name)]
}
