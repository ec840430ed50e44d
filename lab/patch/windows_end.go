package patch

import (
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// endOutcome is what the end of a program alone says, and why it failed by
// what it wrote.
func (j *job) endOutcome(p program, e ended) lab.PatchOutcome {
	switch {
	case e.late:
		return failed(-1, "%s %s", p.name, j.lateMessage(e.output))
	case e.fault != "":
		return failed(-1, "%s: %s", p.name, strings.TrimSpace(e.fault))
	}
	return codeOutcome(p.name, e.code, windowsCause(e.output))
}

var causeLine = regexp.MustCompile(`(?i)^(Error: 0x|Error [0-9]{4}\.|.*Product: .* -- (Error|Installation failed|Configuration failed))`)

// windowsCause is the line that says why DISM or msiexec failed.
func windowsCause(output string) string {
	lines := strings.Split(strings.ReplaceAll(output, "\r", ""), "\n")
	for i, line := range lines {
		if !causeLine.MatchString(line) {
			continue
		}
		for _, next := range lines[i+1:] { // DISM's text follows its number
			if strings.HasPrefix(line, "Error: 0x") && strings.TrimSpace(next) != "" {
				return strings.TrimSpace(line) + " " + strings.TrimSpace(next)
			}
		}
		return strings.TrimSpace(line)
	}
	return ""
}
