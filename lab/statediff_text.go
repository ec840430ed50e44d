package lab

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// maxDiff is how much of a difference of texts is kept, in bytes.
const maxDiff = 8 << 10

// textDiff is the unified difference of the texts of an item; empty when there
// is none of one side on which the item is.
func textDiff(kind StateKind, name string, before, after *State) string {
	if kind != StateFile && kind != StateCommand {
		return ""
	}
	key := string(kind) + ":" + name
	from, ok := textOf(before, kind, name, key)
	to, ok2 := textOf(after, kind, name, key)
	if !ok || !ok2 {
		return ""
	}
	name = Printable(name, 1024)
	text := string(diff.Diff(name+" before", []byte(from), name+" after", []byte(to)))
	_, text, _ = strings.Cut(text, "\n") // "diff A B" says nothing that the next lines don't
	return cutLines(text, maxDiff)
}

// textOf returns a text, "" for an item that is not there, and whether it is
// known.
func textOf(s *State, kind StateKind, name, key string) (text string, ok bool) {
	if text, ok = s.Texts[key]; ok {
		return text, true
	}
	_, there := s.Items[kind][name]
	return "", !there
}

// cutLines shortens text to at most limit bytes, at the end of a line, and
// says how many lines are left out.
func cutLines(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const room = 40 // for the last line
	end := strings.LastIndexByte(text[:limit-room], '\n') + 1
	if end == 0 { // one long line
		return cut(text, limit)
	}
	lines := strings.Count(text[end:], "\n")
	if !strings.HasSuffix(text, "\n") {
		lines++
	}
	return text[:end] + fmt.Sprintf("… %d more lines\n", lines)
}
