package lab

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes one harmless line of untrusted text: terminal escape
// sequences are taken out, other control characters and the invisible ones
// that reorder text are written as escapes (\n, \x07, \u202e), invalid UTF-8
// becomes U+FFFD. The result is at most maxBytes bytes long, its end replaced
// by "…" where it was cut; maxBytes of 0 or less means no limit.
func Printable(s string, maxBytes int) string { return printable(s, maxBytes, false) }

// PrintableText is Printable for text of several lines: line ends and tabs
// stay, the carriage return before a line end goes.
func PrintableText(s string, maxBytes int) string { return printable(s, maxBytes, true) }

// printable looks at no more of s than it takes to fill maxBytes, unless
// nearly all of it is escape sequences: a machine may print without end.
func printable(s string, maxBytes int, lines bool) string {
	const plenty = 64
	if most := plenty*maxBytes + 4096; maxBytes > 0 && len(s) > most {
		return cut(escape(s[:most], maxBytes, lines)+"…", maxBytes)
	}
	return cut(escape(s, maxBytes, lines), maxBytes)
}

// terminalEscape matches what a terminal would take as a command: CSI and
// string sequences (OSC, DCS, …), also unfinished ones, and two-byte escapes.
// The strings may not span lines, so that a hostile one does not swallow the
// rest of the text.
var terminalEscape = regexp.MustCompile(
	`\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?`)

// escape cleans s. It stops early once the result is past limit bytes.
func escape(s string, limit int, lines bool) string {
	s = terminalEscape.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	if lines {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case lines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case isHarmless(r):
			b.WriteRune(r)
		default:
			b.WriteString(escapeRune(r))
		}
		if limit > 0 && b.Len() > limit {
			break
		}
	}
	return b.String()
}

// isHarmless reports whether r may be shown as it is. IsPrint leaves out
// controls, all invisible formatting (bidirectional overrides, zero widths)
// and every space but U+0020.
func isHarmless(r rune) bool { return unicode.IsPrint(r) }

func escapeRune(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// cut shortens s to at most limit bytes, between two characters.
func cut(s string, limit int) string {
	const mark = "…"
	if limit <= 0 || len(s) <= limit {
		return s
	}
	n := max(limit-len(mark), 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if limit < len(mark) {
		return s[:n]
	}
	return s[:n] + mark
}
