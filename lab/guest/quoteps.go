package guest

import (
	"strings"
	"unicode/utf8"
)

// QuotePS makes a literal of s for PowerShell, which gives back exactly s; a
// list of words is literals with commas between them. Like Quote for a POSIX
// shell, it is the only function that makes PowerShell text out of values. Run
// refuses NUL bytes and what is no UTF-8.
//
// PowerShell takes typographic quotes for quotes: within single ones, each of
// them stands for itself when it is doubled, and nothing else has a meaning.
func QuotePS(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if strings.ContainsRune(singleQuotes, r) {
			b.WriteRune(r)
		}
		b.WriteString(s[:size]) // also what is no UTF-8: Run refuses that
		s = s[size:]
	}
	b.WriteByte('\'')
	return b.String()
}

// singleQuotes are what PowerShell takes for one.
const singleQuotes = "'\u2018\u2019\u201a\u201b"

// quotePSList makes a PowerShell array, also of one word or none.
func quotePSList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = QuotePS(w)
	}
	return "@(" + strings.Join(quoted, ", ") + ")"
}
