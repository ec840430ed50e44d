package report

import (
	"fmt"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// longestFence is how many backticks in a row a text may have as they are; of
// one with more they are escaped, or its fences would be as long as itself.
const longestFence = 8

// code is s as a code span of one line and at most limit bytes of text:
// nothing in it means anything to a renderer, nor to what looks for mentions
// and references afterwards. Empty stays empty.
func code(s string, limit int) string {
	s = bounded(s, limit, lab.Printable)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	if longestRun(s) > longestFence {
		s = lab.Printable(strings.ReplaceAll(s, "`", `\x60`), limit)
	}
	fence := strings.Repeat("`", longestRun(s)+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || (s[0] == ' ' && s[len(s)-1] == ' ') {
		s = " " + s + " " // which is taken off again
	}
	return fence + s + fence
}

// cell is code for a table, where a bar ends the cell even in a code span
// unless a backslash is before it. Renderers do not agree on what two
// backslashes before it are: a space keeps a backslash of the text away.
func cell(s string, limit int) string {
	s = strings.ReplaceAll(code(s, limit), `\|`, `\ |`)
	return strings.ReplaceAll(s, "|", `\|`)
}

// longestRun is the length of the longest run of backticks in s.
func longestRun(s string) int {
	longest, run := 0, 0
	for _, c := range []byte(s) {
		if c != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// block is text as a code block.
func block(text string) string {
	text = strings.TrimRight(text, "\n")
	fence := strings.Repeat("`", max(3, longestRun(text)+1))
	return fmt.Sprintf("\n%s\n%s\n%s\n", fence, text, fence)
}

// endOf is the end of s in whole lines, printable, at most limit bytes, a mark
// before it where something is left out.
func endOf(s string, limit int) string {
	cutOff := len(s) > 4*limit
	if cutOff {
		s = s[len(s)-4*limit:] // what is invisible may be most of it
	}
	s = strings.TrimSpace(lab.PrintableText(s, 0))
	if len(s) > limit {
		s, cutOff = s[len(s)-limit:], true
		if _, rest, more := strings.Cut(s, "\n"); more {
			s = rest
		}
		s = strings.ToValidUTF8(s, "")
	}
	if cutOff {
		return "…\n" + s
	}
	return s
}

// table writes rows of at most limit bytes together; their cells are escaped
// already. What is left out is counted.
func (m *markdown) table(head []string, rows [][]string, limit int) {
	if len(rows) == 0 {
		m.printf("none\n")
		return
	}
	m.printf("%s|%s\n", tableRow(head), strings.Repeat(" --- |", len(head)))
	for i, cells := range rows {
		text := tableRow(cells)
		if limit -= len(text); limit < 0 {
			m.more(len(rows) - i)
			return
		}
		m.printf("%s", text)
	}
}

func tableRow(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// more says how much was left out.
func (m *markdown) more(n int) {
	if n > 0 {
		m.printf("\nand %d more in the record\n", n)
	}
}

// changes writes a section of differences, without those within a text.
func (m *markdown) changes(title string, changes []lab.StateChange, limit int) {
	if len(changes) == 0 {
		return
	}
	rows := [][]string{}
	for _, c := range changes {
		rows = append(rows, []string{cell(c.Machine, 64), cell(c.String(), 300)})
	}
	m.printf("\n## %s\n\n", title)
	m.table([]string{"machine", "change"}, rows, limit)
}

func seconds(s float64) string { return fmt.Sprintf("%.0f s", s) }
