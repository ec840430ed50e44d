package lab

import (
	"slices"
	"strings"
)

// WithoutNoise leaves out of changes what changed in the control arm too: the
// same machine's item of the same kind and name, if it became the same. Noise
// says how many were left out.
func WithoutNoise(changes, control []StateChange) (left []StateChange, noise int) {
	became := make(map[string]StateChange, len(control))
	for _, c := range control {
		became[c.item()] = c
	}
	for _, c := range changes {
		if other, too := became[c.item()]; too && alike(c, other) {
			noise++
			continue
		}
		left = append(left, c)
	}
	return left, noise
}

// alike reports whether two changes of one item have one cause, by what it
// became. Numbers, the contents of files and what commands print are never the
// same twice: of them only the rest counts, such as a file's mode or a
// command's exit code. What is gone is never like what is there.
func alike(a, b StateChange) bool {
	if a.To == b.To {
		return true
	}
	if a.To == "" || b.To == "" {
		return false
	}
	switch a.Kind {
	case StateError, StateDisk, StateMemory, StateBoot:
		return true
	case StateFile:
		// Type, mode and owner. What a link points at is no content.
		return !strings.HasPrefix(a.To, "link ") && slices.Equal(firstFields(a.To, 3), firstFields(b.To, 3))
	case StateCommand:
		return slices.Equal(firstFields(a.To, 1), firstFields(b.To, 1)) // exit code
	}
	return false
}

func firstFields(text string, n int) []string {
	f := strings.Fields(text)
	return f[:min(n, len(f))]
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
