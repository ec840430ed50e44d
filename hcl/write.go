package hcl

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	hclv2 "github.com/hashicorp/hcl/v2"
)

// Write shows every mistake with its source line. Detail text is wrapped at
// width columns, not at all when width is 0 or less; color turns on terminal
// colours. Sensitive values are left out.
func (d *Diagnostics) Write(w io.Writer, width int, color bool) error {
	p := &printer{d: d, width: width, lines: map[string][]string{}}
	if color {
		p.red, p.bold, p.reset = "\x1b[31m", "\x1b[1m", "\x1b[0m"
	}
	for i, g := range d.list {
		if i > 0 {
			p.b.WriteByte('\n')
		}
		p.one(g)
	}
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("cannot write the diagnostics: %w", err)
	}
	return nil
}

// printer gathers the text of diagnostics.
type printer struct {
	d                *Diagnostics
	b                strings.Builder
	width            int
	lines            map[string][]string // of the sources, split once
	red, bold, reset string
}

func (p *printer) one(g *hclv2.Diagnostic) {
	fmt.Fprintf(&p.b, "%s%sError:%s %s%s%s\n", p.red, p.bold, p.reset, p.bold, g.Summary, p.reset)
	if g.Subject != nil {
		p.place("on", *g.Subject, true)
	}
	if n, ok := g.Extra.(note); ok {
		for _, r := range n.also {
			p.place("first on", r, false)
		}
	}
	if g.Detail != "" {
		p.b.WriteByte('\n')
		for line := range strings.SplitSeq(p.d.secrets.redact(g.Detail), "\n") {
			p.wrap(printable(line))
		}
	}
}

// place shows a range: file, line and source, with carets below it if asked.
func (p *printer) place(word string, r hclv2.Range, carets bool) {
	name := printable(r.Filename)
	if r.Start.Line == 0 {
		fmt.Fprintf(&p.b, "\n  %s %s\n", word, name)
		return
	}
	fmt.Fprintf(&p.b, "\n  %s %s line %d", word, name, r.Start.Line)
	raw, ok := p.line(r)
	if !ok {
		p.b.WriteByte('\n')
		return
	}
	p.b.WriteString(":\n")
	from := min(max(r.Start.Byte-lineStart(p.d.sources[r.Filename], r.Start), 0), len(raw))
	to := len(raw)
	if r.End.Line == r.Start.Line {
		to = min(max(from+r.End.Byte-r.Start.Byte, from), len(raw))
	}
	shown := p.d.secrets.redact(p.mask(r, raw))
	number := fmt.Sprintf("%4d: ", r.Start.Line)
	fmt.Fprintf(&p.b, "  %s%s\n", number, printable(shown))
	if carets && shown == raw { // a masked line has other columns
		pad := strings.Repeat(" ", len(number)+utf8.RuneCountInString(printable(raw[:from])))
		mark := strings.Repeat("^", max(1, utf8.RuneCountInString(printable(raw[from:to]))))
		fmt.Fprintf(&p.b, "  %s%s%s%s\n", pad, p.red, mark, p.reset)
	}
}

// line returns the source line where r starts, without its line break.
func (p *printer) line(r hclv2.Range) (string, bool) {
	src, ok := p.d.sources[r.Filename]
	if !ok {
		return "", false
	}
	if _, ok := p.lines[r.Filename]; !ok {
		p.lines[r.Filename] = strings.Split(string(src), "\n")
	}
	lines := p.lines[r.Filename]
	if r.Start.Line < 1 || r.Start.Line > len(lines) {
		return "", false
	}
	return strings.TrimSuffix(lines[r.Start.Line-1], "\r"), true
}

// mask hides what source ranges of secrets cover of the line where r starts.
func (p *printer) mask(r hclv2.Range, raw string) string {
	start := lineStart(p.d.sources[r.Filename], r.Start)
	for _, s := range p.d.secrets.ranges {
		if s.Filename != r.Filename || s.Start.Line > r.Start.Line || s.End.Line < r.Start.Line {
			continue
		}
		from := min(max(s.Start.Byte-start, 0), len(raw))
		return raw[:from] + hidden // what follows on the line is part of the value, or a comment on it
	}
	return raw
}

// lineStart returns the byte where the line of pos begins.
func lineStart(src []byte, pos hclv2.Pos) int {
	i := min(pos.Byte, len(src))
	for i > 0 && src[i-1] != '\n' {
		i--
	}
	return i
}

// wrap writes line, broken at spaces where it is wider than the page.
func (p *printer) wrap(line string) {
	column := 0
	for i, word := range strings.Split(line, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && p.width > 0 && column+1+n > p.width:
			p.b.WriteByte('\n')
			column = 0
		case i > 0:
			p.b.WriteByte(' ')
			column++
		}
		p.b.WriteString(word)
		column += n
	}
	p.b.WriteByte('\n')
}

// printable makes text harmless for a terminal: a tab becomes four spaces, any
// other control character and invalid UTF-8 the replacement character.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case !isPrintable(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
