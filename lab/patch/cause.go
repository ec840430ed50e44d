package patch

import (
	"slices"
	"strings"
)

// cause finds, in what apt and dpkg printed (in the C locale), the line that
// says why they failed: dpkg's own fault first, then a dependency that is not
// met, then apt's error, then the last line.
func cause(printed string) string {
	lines := strings.Split(strings.ReplaceAll(printed, "\r", "\n"), "\n")
	for _, find := range []func([]string) string{dpkgError, unmetDependency, downgrade, aptError} {
		if s := find(lines); s != "" {
			return s
		}
	}
	if s := lastLine(printed); s != "" {
		return s
	}
	return "apt-get failed without a word"
}

// dpkgError joins dpkg's line with the indented one that says why.
func dpkgError(lines []string) string {
	for i, l := range lines {
		if !strings.HasPrefix(l, "dpkg: error") {
			continue
		}
		l = strings.TrimSpace(l)
		if strings.HasSuffix(l, ":") && i+1 < len(lines) {
			l += " " + strings.TrimSpace(lines[i+1])
		}
		return l
	}
	return ""
}

// unmetDependency returns the first line below apt's heading.
func unmetDependency(lines []string) string {
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "The following packages have unmet dependencies") })
	if i < 0 || i+1 >= len(lines) {
		return ""
	}
	return "unmet dependency: " + oneLine(lines[i+1])
}

// downgrade names the packages of which the machine has a newer version.
func downgrade(lines []string) string {
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "E: Packages were downgraded") })
	j := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "The following packages will be DOWNGRADED") })
	if i < 0 || j < 0 || j+1 >= len(lines) {
		return ""
	}
	return "apt-get refuses to downgrade " + oneLine(lines[j+1])
}

// aptError returns apt's first error that says something.
func aptError(lines []string) string {
	var vague string
	for _, l := range lines {
		text, ok := strings.CutPrefix(l, "E: ")
		if !ok {
			continue
		}
		if !strings.HasPrefix(text, "Sub-process") && !strings.HasPrefix(text, "Unable to correct problems") {
			return "apt-get: " + strings.TrimSpace(text)
		}
		vague = "apt-get: " + strings.TrimSpace(text)
	}
	return vague
}
