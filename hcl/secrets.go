package hcl

import (
	"cmp"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// sensitive marks values that must not be shown. Whatever an expression makes
// of a marked value is marked as well.
type sensitive struct{}

const hidden = "(sensitive)"

// minSecret is the length in bytes from which a secret is replaced wherever it
// occurs in a text; shorter ones would tear ordinary words to pieces.
const minSecret = 4

// secrets are what must not be shown.
type secrets struct {
	values map[string]bool
	ranges []hclv2.Range // source text that is a secret, whatever its length
}

// add notes every string and number in v, which may be marked, null or unknown.
func (s *secrets) add(v cty.Value) {
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if !v.IsKnown() || v.IsNull() {
			return true, nil
		}
		if text, ok := scalarText(v); ok && v.Type() != cty.Bool { // "true" is a word, whatever it answers
			s.addText(text)
		}
		return true, nil
	})
}

func (s *secrets) addText(text string) {
	if text == "" {
		return
	}
	if s.values == nil {
		s.values = map[string]bool{}
	}
	s.values[text] = true
}

// sorted returns the secrets, longest first: a secret that begins another must
// not be replaced before it.
func (s *secrets) sorted() []string {
	var out []string
	for v := range s.values {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	return out
}

// redact replaces every secret in text.
func (s *secrets) redact(text string) string {
	var pairs []string
	for _, v := range s.sorted() {
		if len(v) >= minSecret {
			pairs = append(pairs, v, hidden)
		}
	}
	if pairs == nil {
		return text
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// isSensitive reports whether v or anything in it is marked.
func isSensitive(v cty.Value) bool { return v.ContainsMarked() }
