package lab

import (
	"fmt"
	"slices"
	"strings"
)

// Who does not look sees nothing. What could not be looked at is therefore
// never taken for what stayed as it was.

// blind says why the states of m in two surveys tell nothing, or not all, of
// what changed in between; empty when they do. Only kinds that count are asked
// for. A kind that neither could look at is no matter here: it is a gap.
func blind(m *Machine, before, after survey, counts func(StateKind) bool) string {
	switch {
	case before[m] == nil:
		return "it was not looked at before the patch"
	case after[m] == nil:
		return "it was not looked at afterwards"
	}
	var kinds []string
	for _, k := range StateKinds() {
		if counts(k) && before[m].has(k) != after[m].has(k) {
			kinds = append(kinds, string(k))
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	return fmt.Sprintf("its state of kind %s was looked at only before the patch, or only afterwards", strings.Join(kinds, ", "))
}

func (s *State) has(k StateKind) bool {
	_, ok := s.Items[k]
	return ok
}

// knows reports whether the survey looked at what c is about.
func (s survey) knows(c StateChange) bool {
	for m, st := range s {
		if m.Name == c.Machine {
			return st != nil && st.has(c.Kind) && !unseen(c.Kind, c.Name, st.Items[c.Kind], nil)
		}
	}
	return false
}

// apart reports whether the control arm has a say about c. A control arm that
// is missing as a whole is judged by missesControl.
func (r *run) apart(c StateChange) bool {
	return r.control == nil || r.controlErr != nil || r.control.after.knows(c)
}

// strict reports whether a change that is not expected fails the patch.
// Without a control arm nobody knows which changes are its own.
func (r *run) strict() bool {
	return r.patch.Expect != nil && r.patch.Expect.Severity == Critical && !r.NoControl
}

// judgeUnseen makes findings of where an unexpected change would not have been
// seen. On a target, such a run says nothing about the patch. A machine that
// something is known against has its finding already.
func (r *run) judgeUnseen() {
	if !r.strict() || r.patched.broken() {
		return
	}
	for _, m := range r.lab.Machines {
		if r.patched.find(func(ft fault) bool { return ft.Machine == m.Name }) != nil {
			continue
		}
		target := slices.Contains(r.patch.Targets, m)
		if why := blind(m, r.patched.before, r.patched.after, r.patch.Expect.limits); why != "" {
			r.unseen(m, !target, "unexpected changes on %q cannot be seen: %s", m.Name, why)
			continue
		}
		if gaps := r.gapsOf(m); target && len(gaps) > 0 {
			r.unseen(m, true, "unexpected changes on %q may not have been seen: %s", m.Name, summary(gaps))
		}
	}
}

func (r *run) unseen(m *Machine, warning bool, format string, args ...any) {
	text := Printable(r.rec.redact(fmt.Sprintf(format, args...)), 500)
	r.rec.add(Finding{Arm: ArmPatched, Machine: m.Name, Warning: warning, Summary: text})
}

// gapsOf is what of m could not be looked at before the patch or after it,
// each once.
func (r *run) gapsOf(m *Machine) (list []string) {
	for _, s := range []survey{r.patched.before, r.patched.after} {
		for _, g := range s[m].Gaps {
			if !slices.Contains(list, g) {
				list = append(list, g)
			}
		}
	}
	return list
}

// limits reports whether there are changes of a kind that e does not expect.
func (e *Expect) limits(k StateKind) bool {
	switch k {
	case StateDisk, StateMemory, StateBoot:
		return false // see Unexpected
	}
	return !slices.ContainsFunc(e.Changes, func(pattern string) bool {
		return pattern == string(k) || pattern == string(k)+":*"
	})
}

// notCompared says why nobody knows whether all is as it was; empty when it is
// known of every machine.
func (r *run) notCompared() string {
	counts := func(k StateKind) bool { return !slices.Contains(staysAfter, k) }
	for _, m := range r.lab.Machines {
		if why := blind(m, r.patched.before, r.backout.after, counts); why != "" {
			return fmt.Sprintf("the state of %q could not be compared: %s", m.Name, why)
		}
	}
	return ""
}
