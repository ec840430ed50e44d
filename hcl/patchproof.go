package hcl

import (
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// readBackout reads how p is taken out. An empty block asks for the proof that
// the kind can do so by itself.
func readBackout(r *reader, p *lab.Patch) *lab.Backout {
	b := &lab.Backout{Args: r.args("args"), Required: r.boolean("required", false)}
	if r.has("script") {
		b.Script, _ = r.path("script")
	}
	r.belongs("script", "args")
	byScript := p.Kind == lab.PatchScript || p.Kind == lab.PatchEXE
	mustHave := p.Kind == lab.PatchScript // installers enter how they are removed
	switch {
	case p.Kind == "" || r.doubtful():
	case mustHave && !r.has("script"):
		r.fail(r.self.DefRange(), "Missing attribute", "The %s needs \"script\": nothing else knows how to take out a patch of the kind %q.", r.what, p.Kind)
	case !byScript && r.has("script"):
		r.fail(r.body.Attributes["script"].NameRange, "Conflicting attributes", "\"script\" of %s is for patches of the kind \"script\" or \"exe\"; one of the kind %q is taken out as it was put in.", r.what, p.Kind)
	}
	return b
}

// stateKinds are the kinds of changes that can be expected.
func stateKinds() []lab.StateKind {
	return []lab.StateKind{
		lab.StateOS, lab.StatePackage, lab.StateService, lab.StatePort, lab.StateFailed, lab.StateUser, lab.StateGroup,
		lab.StateTimer, lab.StateFirewall, lab.StateFile, lab.StateError, lab.StateCommand, lab.StateDisk, lab.StateMemory,
		lab.StateBoot,
	}
}

// readExpect reads which changes a patch may make; an empty list is none.
func readExpect(r *reader) *lab.Expect {
	e := &lab.Expect{
		Changes:  []string{},
		Severity: oneOf(r, "severity", lab.Critical, lab.Critical, lab.Warning),
	}
	known := texts(stateKinds())
	for _, i := range r.strs("changes") {
		kind, name, named := strings.Cut(i.text(), ":")
		switch {
		case !slices.Contains(known, kind):
			hint := suggest(kind, known)
			if hint == "" {
				hint = " There is " + strings.Join(known, ", ") + "."
			}
			r.fail(i.at, "Unknown value", "%q, in \"changes\" of %s, must be the kind of a change, or kind and name such as \"file:/etc/apache2/*\": there is no kind %q.%s",
				i.text(), r.what, kind, hint)
		case named && !isLine(name):
			r.fail(i.at, "Invalid pattern", "%q, in \"changes\" of %s, must have a name after the colon, in one line.%s", i.text(), r.what, didYouMean(kind+":*"))
		default:
			e.Changes = append(e.Changes, i.text())
		}
	}
	return e
}
