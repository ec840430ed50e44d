package lab

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		max            int
	}{
		{"plain", "status 500", "status 500", 0},
		{"umlauts stay", "Größe 10 €", "Größe 10 €", 0},
		{"colour", "\x1b[31mred\x1b[0m", "red", 0},
		{"window title", "a\x1b]0;owned\x07b", "ab", 0},
		{"title closed by ST", "a\x1b]0;owned\x1b\\b", "ab", 0},
		{"unfinished title keeps later lines", "a\x1b]0;owned\nb", `a\nb`, 0},
		{"reset", "a\x1bcb", "ab", 0},
		{"lone escape", "a\x1b", "a", 0},
		{"eight-bit CSI", "a\u009b31mb", `a\u009b31mb`, 0},
		{"line ends and bell", "a\r\nb\tc\a", `a\r\nb\tc\x07`, 0},
		{"bidi", "a\u202eb", `a\u202eb`, 0},
		{"zero width", "a\u200bb", `a\u200bb`, 0},
		{"invalid UTF-8", "a\xff\xfeb", "a\uFFFDb", 0},
		{"nul", "a\x00b", `a\x00b`, 0},
		{"cut", "abcdefghi", "abcde…", 8},
		{"cut keeps characters whole", "ääää", "ä…", 6},
		{"exactly", "abcdefgh", "abcdefgh", 8},
		{"no room for the mark", "abcdefgh", "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Printable(c.in, c.max); got != c.want {
				t.Errorf("Printable(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
			}
		})
	}
}

func TestPrintableText(t *testing.T) {
	got := PrintableText("one\r\n\ttwo\r\x1b[2Jthree\n", 0)
	if want := "one\n\ttwo\\rthree\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain", 10)
	f.Add("\x1b[31mred\x1b]0;x\x07\u202e\xff", 0)
	f.Add("ä\nä\x9b", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		line, text := Printable(s, limit), PrintableText(s, limit)
		for _, out := range []string{line, text} {
			if !utf8.ValidString(out) {
				t.Fatalf("not UTF-8: %q", out)
			}
			if limit > 0 && len(out) > limit {
				t.Fatalf("%d bytes, limit %d: %q", len(out), limit, out)
			}
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Fatalf("unprintable at %d: %q", i, line)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); i >= 0 {
			t.Fatalf("unprintable at %d: %q", i, text)
		}
	})
}

// However long a text is, and whatever it consists of, its beginning is looked
// at and it is marked as cut.
func TestPrintableOfEndlessText(t *testing.T) {
	for _, unit := range []string{"x", "\x1b[31m", "\xff", "\n", "é"} {
		got := Printable(strings.Repeat(unit, 8<<20), 100)
		if !strings.HasSuffix(got, "…") || len(got) > 100 {
			t.Errorf("%q: got %d bytes, %q", unit, len(got), got)
		}
	}
}
