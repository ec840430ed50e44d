package lab

import (
	"slices"
	"strings"
)

// WithoutNoise leaves out of changes what changed in the control arm too: the
// same machine's item of the same kind and name, whatever it became; of the
// system, packages, users, groups and the firewall only what became the same.
// Noise says how many were left out.
func WithoutNoise(changes, control []StateChange) (left []StateChange, noise int) {
	type item struct {
		machine string
		kind    StateKind
		name    string
	}
	became := make(map[item]string, len(control))
	for _, c := range control {
		became[item{c.Machine, c.Kind, c.Name}] = c.To
	}
	for _, c := range changes {
		to, too := became[item{c.Machine, c.Kind, c.Name}]
		if too && (to == c.To || !exact(c.Kind)) {
			noise++
			continue
		}
		left = append(left, c)
	}
	return left, noise
}

// exact reports whether things of a kind do not change by themselves: two
// different changes then have two causes.
func exact(k StateKind) bool {
	switch k {
	case StateOS, StatePackage, StateUser, StateGroup, StateFirewall:
		return true
	}
	return false
}

// Unexpected returns the changes that no pattern of e fits. How much disk and
// memory is used and how long a boot takes is never among them: every patch
// needs some, and how much is told in any case. A nil e expects all.
func (e *Expect) Unexpected(changes []StateChange) []StateChange {
	if e == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c StateChange) bool {
		switch c.Kind {
		case StateDisk, StateMemory, StateBoot:
			return true
		}
		return slices.ContainsFunc(e.Changes, c.fits)
	})
}

// fits reports whether c is a change that the pattern names.
func (c StateChange) fits(pattern string) bool {
	kind, name, named := strings.Cut(pattern, ":")
	return kind == string(c.Kind) && (!named || matches(name, c.Name))
}

// matches reports whether pattern, in which "*" stands for any text, fits all
// of s.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, middle, last := parts[0], parts[1:len(parts)-1], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for _, p := range middle {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}
