package report_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

func markdown(t *testing.T, r *lab.Record) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Markdown(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdown(t *testing.T) {
	for name, r := range map[string]*lab.Record{
		"whole": wholeRecord(), "changed": changed(), "doubtful": doubtful(), "early": early(), "sound": soundRecord(),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name+".md", markdown(t, r)) })
	}
}

// prose is what a renderer takes as text and markup: the page without its
// code blocks and code spans, which it reads as CommonMark says. It fails when
// a span or block is open at the end of its line, cell or page.
func prose(t *testing.T, page string) []string {
	t.Helper()
	var out []string
	fence := ""
	for l := range strings.Lines(page) {
		l = strings.TrimSuffix(l, "\n")
		ticks := l[:len(l)-len(strings.TrimLeft(l, "`"))]
		switch {
		case fence != "":
			if len(ticks) >= len(fence) && strings.TrimSpace(l[len(ticks):]) == "" {
				fence = ""
			}
		case len(ticks) >= 3 && ticks == l:
			fence = ticks
		case strings.HasPrefix(l, "|"):
			for _, c := range cells(l) {
				out = append(out, unspanned(t, c))
			}
		default:
			out = append(out, unspanned(t, l))
		}
	}
	if fence != "" {
		t.Errorf("a code block is not closed")
	}
	return out
}

// cells splits a row at its bars, as the strictest renderer does: a backslash
// takes the character after it along.
func cells(row string) []string {
	var out []string
	start := 0
	for i := 0; i < len(row); i++ {
		switch row[i] {
		case '\\':
			if i+1 < len(row) && (row[i+1] == '|' || row[i+1] == '\\') {
				i++
			}
		case '|':
			out = append(out, row[start:i])
			start = i + 1
		}
	}
	return append(out, row[start:])
}

// unspanned is s without its code spans.
func unspanned(t *testing.T, s string) string {
	t.Helper()
	runs := regexp.MustCompile("`+")
	var out strings.Builder
	for {
		open := runs.FindStringIndex(s)
		if open == nil {
			out.WriteString(s)
			return out.String()
		}
		out.WriteString(s[:open[0]])
		width, rest := open[1]-open[0], s[open[1]:]
		end := -1
		for _, c := range runs.FindAllStringIndex(rest, -1) {
			if c[1]-c[0] == width {
				end = c[1]
				break
			}
		}
		if end < 0 {
			t.Errorf("a code span is not closed in %.300q", s)
			return out.String()
		}
		s = rest[end:]
	}
}

// ours matches what Markdown writes outside of code.
var ours = regexp.MustCompile(`^[A-Za-z0-9 ,.:;()*-]*$`)

// What others chose is in code: nothing in it can be markup, HTML, a link or
// a mention, whatever the renderer.
func TestMarkdownShowsTextAsText(t *testing.T) {
	for i, text := range nastyTexts() {
		for _, all := range []bool{false, true} {
			r := spoiled(text, 3, all)
			page := markdown(t, r)
			for _, p := range prose(t, page) {
				// A heading's marks are ours, at the start of a line alone.
				if p = strings.TrimLeft(p, "#"); !ours.MatchString(p) {
					t.Errorf("text %d: %q is not in code", i, p)
				}
			}
			rows(t, page)
		}
	}
}

// rows checks that all rows of a table have the cells that its head has.
func rows(t *testing.T, page string) {
	t.Helper()
	want := 0
	for l := range strings.Lines(page) {
		switch n := len(cells(strings.TrimSuffix(l, "\n"))); {
		case !strings.HasPrefix(l, "|"):
			want = 0
		case want == 0:
			want = n
		case n != want:
			t.Errorf("%d cells instead of %d: %.300q", n, want, l)
		}
	}
}

func nastyTexts() []string {
	return []string{
		hostile, "`", "``` ` ``", "`` ``", " `", " a ", "a|b", `a\|b`, `a\\|b`, `a\\\|`, `\`, "|", "||", "`|`", "`\\|`\\", "\\`|",
		"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!-- ", "@everyone #1 GH-1 !2", "owner/repo#1 root@example.com",
		"https://evil.example/ www.evil.example", "[a](javascript:x)", "![a](http://evil.example/x.png)", "\n# head\n\n- item\n", "\r\n```\n<b>\n",
		"````\n~~~\n```", "**bold** _it_ ~~no~~", "&lt;b&gt; &#64;", "$x$ :smile: {{ x }} <% x %>", "\u200b\u2028\u0085\u00a0", "\xff\xfe\x00",
		strings.Repeat("`", 300), strings.Repeat("|", 300), strings.Repeat(`\|`, 300), strings.Repeat("`|\\", 300), strings.Repeat("<b>\n", 400), "",
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, text := range nastyTexts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		page := markdown(t, spoiled(text, 2, true))
		for _, p := range prose(t, page) {
			if p = strings.TrimLeft(p, "#"); !ours.MatchString(p) {
				t.Errorf("%q is not in code", p)
			}
		}
		rows(t, page)
	})
}

// Trackers take 64 KiB for a comment.
func TestMarkdownIsBounded(t *testing.T) {
	for _, text := range append(nastyTexts(), strings.Repeat("x", 1<<12), strings.Repeat("<b>`|\\\n", 1<<10)) {
		if page := markdown(t, spoiled(text, 100, true)); len(page) > 60<<10 {
			t.Errorf("%d bytes for %.20q", len(page), text)
		}
	}
}

func TestMarkdownShowsTheWorstFirst(t *testing.T) {
	r := wholeRecord()
	bad := r.Checks[0]
	r.Checks = nil
	for i := range 1000 {
		r.Checks = append(r.Checks, lab.CheckRecord{Name: fmt.Sprint("fine ", i), Class: lab.ClassOK})
	}
	r.Checks = append(r.Checks, bad)
	page := markdown(t, r)
	if !strings.Contains(page, "`booking page`") || !strings.Contains(page, "more in the record") {
		t.Errorf("got:\n%s", page)
	}
}

func TestMarkdownReportsWriteErrors(t *testing.T) {
	if report.Markdown(fullDisk{}, record()) == nil {
		t.Error("a report that could not be written is no success")
	}
}
