package site

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Longest names that are kept as they are, and longest readable part of the
// others, in bytes.
const (
	longestName = 60
	longestBase = 40
)

// reserved are names that Windows takes for devices, whatever follows the dot.
func reserved(name string) bool {
	if len(name) == 4 && (strings.HasPrefix(name, "com") || strings.HasPrefix(name, "lpt")) {
		return name[3] >= '0' && name[3] <= '9'
	}
	return slices.Contains([]string{"con", "prn", "aux", "nul"}, name)
}

// slug is the name of a file, without its suffix, for something called name.
// It depends on the name alone, so that a page's address stays what it is when
// others come and go. A name of small letters, digits, "-" and "_" is its own
// slug; of any other as much as is readable is followed by a dot and a part of
// its hash, so that no two names meet, on file systems that don't tell large
// from small letters neither.
func slug(name string) string {
	base := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name), "-_")
	if base == name && name != "" && len(name) <= longestName && !reserved(name) {
		return name
	}
	for strings.Contains(base, "--") {
		base = strings.ReplaceAll(base, "--", "-")
	}
	base = strings.TrimRight(base[:min(len(base), longestBase)], "-_")
	if base == "" || reserved(base) {
		base = "x" + base
	}
	sum := sha256.Sum256([]byte(name))
	return base + "." + hex.EncodeToString(sum[:8])
}

// numbered is the path of the nth page, from 1, of a list whose first page is
// path. No slug ends as the others do.
func numbered(path string, n int) string {
	if n == 1 {
		return path
	}
	return strings.TrimSuffix(path, ".html") + ".p" + itoa(n) + ".html"
}
