package lab

import (
	"slices"
	"strconv"
	"strings"
)

// NotLookedAt is the value of an item that is there, or may be, but could not
// be looked at. It is not compared; of a file, neither is all that is below
// it. A Surveyor has said why in a gap.
const NotLookedAt = "?"

// StateKinds returns all kinds in the order in which changes are told.
func StateKinds() []StateKind {
	return []StateKind{
		StateOS, StatePackage, StateFailed, StateService, StatePort, StateError, StateUser, StateGroup,
		StateTimer, StateFirewall, StateFile, StateCommand, StateDisk, StateMemory, StateBoot,
	}
}

// CompareStates returns what differs between two states of a machine, by kind
// and name. A kind that one of the two lacks is not compared: see their Gaps.
// Of disk, memory and boot time only differences as at StateDisk, StateMemory
// and StateBoot count. A logged error counts when it is new, or came ten times
// as often: a reboot may empty the log.
func CompareStates(machine string, before, after *State) []StateChange {
	if before == nil || after == nil {
		return nil
	}
	var out []StateChange
	for _, kind := range StateKinds() {
		from, ok1 := before.Items[kind]
		to, ok2 := after.Items[kind]
		if !ok1 || !ok2 {
			continue
		}
		for _, name := range allNames(from, to) {
			if !differs(kind, from[name], to[name]) || unseen(kind, name, from, to) {
				continue
			}
			out = append(out, StateChange{
				Machine: machine, Kind: kind, Name: name, From: from[name], To: to[name],
				Diff: textDiff(kind, name, before, after),
			})
		}
	}
	return out
}

func allNames(from, to map[string]string) []string {
	names := make([]string, 0, len(from)+len(to))
	for n := range from {
		names = append(names, n)
	}
	for n := range to {
		names = append(names, n)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unseen reports whether one of the two states could not look at an item, or
// at a folder that it is in.
func unseen(kind StateKind, name string, from, to map[string]string) bool {
	for {
		if from[name] == NotLookedAt || to[name] == NotLookedAt {
			return true
		}
		// A Windows path has backslashes.
		up := strings.LastIndexAny(name, `/\`)
		if kind != StateFile || up < 0 {
			return false
		}
		if up == 0 && name != "/" {
			up = 1 // the root itself
		}
		name = name[:up]
	}
}

// differs reports whether an item of a kind changed. Empty: it is not there.
func differs(kind StateKind, from, to string) bool {
	if from == to {
		return false
	}
	a, err1 := strconv.ParseFloat(from, 64)
	b, err2 := strconv.ParseFloat(to, 64)
	number := err1 == nil && err2 == nil
	switch kind {
	case StateDisk:
		return !number || beyond(a, b, 16, 0.01)
	case StateMemory:
		return !number || beyond(a, b, 64, 0.20)
	case StateBoot:
		return !number || beyond(a, b, 10, 0.50)
	case StateError:
		return to != "" && (!number || b >= 10*a)
	}
	return true
}

// beyond reports whether b differs from a by at least least, and by the part
// of a.
func beyond(a, b, least, part float64) bool {
	d := max(a, b) - min(a, b)
	return d >= least && d >= part*a
}
