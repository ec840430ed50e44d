package patch

import (
	"regexp"
	"slices"
	"strings"
)

// cause finds, in what apt and dpkg printed (in the C locale), the line that
// says why they failed: a full disk first, since all else follows from it,
// then a file that cannot be read, dpkg's own fault, a dependency that is not
// met, apt's error, and then the last line.
func cause(printed string) string {
	lines := strings.Split(strings.ReplaceAll(printed, "\r", "\n"), "\n")
	for _, find := range []func([]string) string{diskFull, unreadable, dpkgError, unmetDependency, downgrade, aptError} {
		if s := find(lines); s != "" {
			return s
		}
	}
	if s := lastLine(printed); s != "" {
		return s
	}
	return "apt-get failed without a word"
}

// diskFull finds what the system and apt say of a disk without room.
func diskFull(lines []string) string {
	for _, l := range lines {
		if strings.Contains(l, "No space left on device") || strings.Contains(l, "You don't have enough free space in") {
			text, _ := aptText(strings.TrimSpace(l))
			return "the machine's disk is full: " + text
		}
	}
	return ""
}

// unreadable finds a package file that apt or dpkg-deb cannot read, with what
// is wrong with it.
func unreadable(lines []string) string {
	for i, l := range lines {
		text, _ := aptText(l)
		if file, ok := strings.CutPrefix(text, "Could not read meta data from "); ok {
			reason := "apt cannot read it"
			if i > 0 {
				if before, isError := aptText(lines[i-1]); isError {
					reason = before
				}
			}
			return "package file " + fileName(file) + " is truncated or damaged: " + reason
		}
		if archive, reason, ok := decompressing(l); ok {
			return "package file " + fileName(archive) + " is truncated or damaged: " + reason
		}
	}
	return ""
}

// decompressing takes dpkg-deb's line about a damaged member to pieces:
// "dpkg-deb (subprocess): decompressing archive 'FILE' (size=…) member
// 'data.tar': REASON".
func decompressing(line string) (archive, reason string, ok bool) {
	rest, ok := strings.CutPrefix(line, "dpkg-deb (subprocess): decompressing archive '")
	if !ok {
		return "", "", false
	}
	archive, rest, _ = strings.Cut(rest, "'")
	_, reason, _ = strings.Cut(rest, "': ")
	return archive, strings.TrimSpace(reason), true
}

// stagedNumber is the number in front of a file's name: see stagedName.
var stagedNumber = regexp.MustCompile(`^\d{3}_`)

// fileName is the name of a staged file as it is on the host, nearly.
func fileName(path string) string {
	path = strings.TrimSpace(path)
	return stagedNumber.ReplaceAllString(path[strings.LastIndexByte(path, '/')+1:], "")
}

// dpkgError joins dpkg's line with the indented one that says why. A line in
// front that no line end follows is a question that a script of the package
// asked: nobody was there to answer.
func dpkgError(lines []string) string {
	for i, l := range lines {
		at := strings.Index(l, "dpkg: error")
		if at < 0 {
			continue
		}
		said := strings.TrimSpace(l[:at])
		l = strings.TrimSpace(l[at:])
		if strings.HasSuffix(l, ":") && i+1 < len(lines) {
			l += " " + strings.TrimSpace(lines[i+1])
		}
		if said == "" && i > 0 {
			said = strings.TrimSpace(lines[i-1])
		}
		return l + aside(said)
	}
	return ""
}

// aside is what a package's script said last, to follow a message; empty for
// lines of dpkg and apt themselves.
func aside(said string) string {
	switch {
	case said == "" || isProgress(said):
		return ""
	case strings.HasSuffix(said, "?") || strings.HasSuffix(said, "]") || strings.HasSuffix(said, ":"):
		return "; it asked, and nobody can answer: " + said
	}
	return "; its last words: " + said
}

// isProgress reports whether a line is dpkg's or apt's own.
func isProgress(line string) bool {
	for _, p := range []string{
		"Setting up ", "Preparing to ", "Unpacking ", "Removing ", "Selecting ", "Processing triggers ", "Purging ",
		"(Reading database", "dpkg", "Get:", "Fetched ", "Progress:", "Errors were", "After this operation", "E: ", "Error: ",
	} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

// unmetDependency returns the first line below apt's heading.
func unmetDependency(lines []string) string {
	i := slices.IndexFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "The following packages have unmet dependencies") || strings.HasPrefix(l, "Unsatisfied dependencies")
	})
	if i < 0 || i+1 >= len(lines) {
		return ""
	}
	return "unmet dependency: " + oneLine(lines[i+1])
}

// downgrade names the packages of which the machine has a newer version.
func downgrade(lines []string) string {
	i := slices.IndexFunc(lines, func(l string) bool {
		text, ok := aptText(l)
		return ok && strings.HasPrefix(text, "Packages were downgraded")
	})
	j := slices.IndexFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "The following packages will be DOWNGRADED") || strings.HasPrefix(l, "DOWNGRADING:")
	})
	if i < 0 || j < 0 || j+1 >= len(lines) {
		return ""
	}
	return "apt-get refuses to downgrade " + oneLine(lines[j+1])
}

// aptError returns apt's first error that says something.
func aptError(lines []string) string {
	var vague string
	for _, l := range lines {
		text, ok := aptText(l)
		if !ok {
			continue
		}
		if !strings.HasPrefix(text, "Sub-process") && !strings.HasPrefix(text, "Unable to correct problems") {
			return "apt-get: " + text
		}
		vague = "apt-get: " + text
	}
	return vague
}

// aptText is the text of one of apt's errors: "E: …", since apt 2.9 "Error: …".
func aptText(line string) (text string, ok bool) {
	for _, prefix := range []string{"E: ", "Error: "} {
		if text, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(text), true
		}
	}
	return line, false
}
