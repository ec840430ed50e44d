package patch

import (
	"regexp"
	"slices"
	"strings"
)

// rpmCause finds, in what dnf, yum, zypper or rpm printed (in the C locale),
// the line that says why they failed: a dependency that is not met, a script
// that failed, files in conflict, then the tool's error, then the last line.
func rpmCause(tool, printed string) string {
	lines := strings.Split(strings.ReplaceAll(printed, "\r", "\n"), "\n")
	for _, find := range []func([]string) string{rpmUnmet, scriptletLine, rpmConflict, repoError, toolError} {
		if s := find(lines); s != "" {
			return s
		}
	}
	if s := lastLine(printed); s != "" {
		return s
	}
	return tool + " failed without a word"
}

// rpmUnmet finds what no package provides.
func rpmUnmet(lines []string) string {
	for _, l := range lines {
		if i := strings.Index(l, "nothing provides "); i >= 0 {
			return "unmet dependency: " + oneLine(l[i:])
		}
		if i := strings.Index(l, " requires "); i > 0 && strings.Contains(l, ", but none of the providers can be installed") {
			return "unmet dependency: " + oneLine(strings.TrimLeft(l, " -"))
		}
		if strings.Contains(l, "Requires: ") && strings.HasPrefix(l, "Error: Package: ") { // yum names both in two lines
			return "unmet dependency: " + oneLine(l)
		}
	}
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "error: Failed dependencies:") })
	if i >= 0 && i+1 < len(lines) && strings.TrimSpace(lines[i+1]) != "" {
		return "unmet dependency: " + oneLine(lines[i+1])
	}
	return ""
}

// scriptletForm is how rpm tells of a package's script that failed, and how
// dnf and zypper pass it on.
var scriptletForm = regexp.MustCompile(`^\s*(?:warning: |error: )?(%\w+\([^)]*\) scriptlet failed.*|Error in \w+ scriptlet in rpm package .*)`)

func scriptletLine(lines []string) string {
	for _, l := range lines {
		if m := scriptletForm.FindStringSubmatch(l); m != nil {
			return oneLine(m[1])
		}
	}
	return ""
}

// scriptletFailure is the line about a package's script that failed, which
// the tools count as a success of the whole.
func scriptletFailure(printed string) string {
	return scriptletLine(strings.Split(strings.ReplaceAll(printed, "\r", "\n"), "\n"))
}

// rpmConflict finds files that two packages have, and a full disk.
func rpmConflict(lines []string) string {
	for _, l := range lines {
		if strings.Contains(l, " conflicts with file from package ") || strings.Contains(l, " conflicts between attempted installs of ") ||
			strings.Contains(l, " more space ") || strings.Contains(l, "No space left on device") {
			return oneLine(l)
		}
	}
	return ""
}

// repoError finds a repository that was out of reach.
func repoError(lines []string) string {
	for _, l := range lines {
		for _, word := range []string{
			"Failed to download metadata for repo", "There are no enabled repositories", "There are no enabled repos",
			"Cannot find a valid baseurl for repo", "No repositories defined", "Failed to load metadata", "Cannot download repository",
		} {
			if i := strings.Index(l, word); i >= 0 {
				return oneLine(l[i:])
			}
		}
	}
	return ""
}

// toolError returns the first error that says something; where the line has
// only a heading, with the line that follows.
func toolError(lines []string) string {
	for i, l := range lines {
		for _, prefix := range []string{"Error: ", "error: ", "Problem: ", "Error:", "Unable to find a match:"} {
			text, ok := strings.CutPrefix(strings.TrimSpace(l), strings.TrimSpace(prefix))
			if !ok {
				continue
			}
			if strings.TrimSpace(text) == "" && i+1 < len(lines) {
				text = lines[i+1]
			}
			if strings.TrimSpace(text) != "" {
				return strings.TrimSpace(strings.TrimSuffix(prefix, " ")) + " " + oneLine(text)
			}
		}
	}
	return ""
}
