package guest

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestQuotePS(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "''",
		`C:\Program Files`:  `'C:\Program Files'`,
		"it's":              "'it''s'",
		"$env:X; `n \"x\"":  "'$env:X; `n \"x\"'",
		"‘a’ ‚b‛":           "'‘‘a’’ ‚‚b‛‛'",
		"“a„":               "'“a„'",
		"a\r\nb":            "'a\r\nb'",
		"'; Remove-Item *'": "'''; Remove-Item *'''",
	} {
		if got := QuotePS(in); got != want {
			t.Errorf("QuotePS(%q) = %s, want %s", in, got, want)
		}
	}
	for want, in := range map[string][]string{"@()": nil, "@('a')": {"a"}, "@('a', 'b''s')": {"a", "b's"}} {
		if got := quotePSList(in); got != want {
			t.Errorf("%q gives %s", in, got)
		}
	}
}

// unquotePS reads a literal as PowerShell's tokenizer does: a quote, of any
// kind, ends it unless another follows, of which the second counts. It returns
// what follows too.
func unquotePS(text string) (value, rest string, ok bool) {
	runes := []rune(text)
	quote := func(i int) bool { return i < len(runes) && strings.ContainsRune(singleQuotes, runes[i]) }
	if !quote(0) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(runes); i++ {
		if quote(i) {
			if !quote(i + 1) {
				return b.String(), string(runes[i+1:]), true
			}
			i++
		}
		b.WriteRune(runes[i])
	}
	return "", "", false
}

func FuzzQuotePS(f *testing.F) {
	for _, s := range []string{"", "a", "it's", "‘’‚‛", "'‘", "$x", "a\nb", "`'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		if got, rest, ok := unquotePS(QuotePS(s) + ";'"); got != s || rest != ";'" || !ok {
			t.Errorf("%q came back as %q, then %q", s, got, rest)
		}
	})
}
