package hcl

import (
	"fmt"
	"net/textproto"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchlab/patchlab/lab"
)

// Free text (commands, request bodies, what answers are matched against) may
// be sensitive: it is then noted as a secret of the lab.

// text reads a string of free text.
func (r *reader) text(name, def string) (string, bool) {
	v, ok := r.value(name)
	if !ok {
		return def, false
	}
	return r.freeText(name, item{value: v, expr: r.body.Attributes[name].Expr, at: r.rangeOf(name)})
}

// freeText returns an item's string and notes it when it is sensitive.
func (r *reader) freeText(name string, i item) (string, bool) {
	if !i.value.IsWhollyKnown() {
		return "", false // reported where it went wrong
	}
	plain, _ := i.value.UnmarkDeep()
	if plain.IsNull() {
		r.fail(i.at, "Wrong type", "A part of %q of %s is null.", name, r.what)
		return "", false
	}
	text, ok := scalarText(plain)
	if !ok {
		r.wrongType(name, i.at, "a string", i.value)
		return "", false
	}
	if isSensitive(i.value) {
		r.noteSecret(i.expr, i.value)
	}
	return text, true
}

// noteSecret notes what is sensitive in v, the value of expr. Of text with
// insertions, "login ${var.password}", only those that are sensitive: the rest
// may be shown.
func (r *reader) noteSecret(expr hclsyntax.Expression, v cty.Value) {
	template, ok := expr.(*hclsyntax.TemplateExpr)
	if !ok {
		r.s.d.secrets.add(v)
		return
	}
	for _, part := range template.Parts {
		if p := r.s.eval(part, r.in); isSensitive(p) {
			r.s.d.secrets.add(p)
		}
	}
}

// texts reads a list of free text. Empty elements are mistakes.
func (r *reader) texts(name string) []string {
	items, _ := r.items(name, wantList)
	var out []string
	for _, i := range items {
		text, ok := r.freeText(name, i)
		if ok && strings.TrimSpace(text) == "" {
			r.fail(i.at, "Empty value", "An element of %q of %s is empty.", name, r.what)
		} else if ok {
			out = append(out, text)
		}
	}
	return out
}

// headers reads a map of HTTP headers to send.
func (r *reader) headers(name string) map[string]string {
	items, ok := r.entries(name, `a map, such as { Accept = "text/html" }`)
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, i := range items {
		text, ok := r.freeText(name, i)
		switch key, isName := r.headerName(name, i); {
		case !isName || !ok:
		case out[key] != "":
			r.fail(i.at, "Duplicate name", "%q of %s has the header %q twice: case does not matter in these names.", name, r.what, key)
		case strings.ContainsAny(text, "\r\n\x00"):
			r.fail(i.at, "Invalid header", "The value of header %q in %s has a line break.", i.key, r.what)
		default:
			out[key] = text
		}
	}
	return out
}

var headerToken = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// headerName returns an item's key as HTTP's canonical header name.
func (r *reader) headerName(name string, i item) (string, bool) {
	if !headerToken.MatchString(i.key) {
		r.fail(i.at, "Invalid header", "%q, in %q of %s, cannot be the name of an HTTP header.", i.key, name, r.what)
		return "", false
	}
	return textproto.CanonicalMIMEHeaderKey(i.key), true
}

// match reads an assertion about text: a string that must occur in it, or a
// map of conditions.
func (r *reader) match(name string) lab.Match {
	v, ok := r.value(name)
	if !ok {
		return lab.Match{}
	}
	return r.matchOf(name, item{value: v, expr: r.body.Attributes[name].Expr, at: r.rangeOf(name)})
}

func matchWords() []string { return []string{"contains", "not_contains", "equals", "regexp"} }

func (r *reader) matchOf(name string, i item) lab.Match {
	const want = `the text that must occur, or a map such as { regexp = "^ok" }`
	whole, _ := i.value.Unmark()
	if whole.IsKnown() && (whole.IsNull() || !whole.Type().IsObjectType() && !whole.Type().IsMapType()) {
		text, ok := r.freeText(name, i)
		if ok && text == "" {
			r.fail(i.at, "Empty assertion", "%q of %s is empty: every text contains \"\", so that this asserts nothing.", name, r.what)
		}
		return lab.Match{Contains: text}
	}
	if !whole.IsKnown() {
		return lab.Match{}
	}
	expr := i.expr
	if expr == nil {
		expr = &hclsyntax.LiteralValueExpr{Val: i.value, SrcRange: i.at}
	}
	items, ok := r.entriesOf(name, expr, i.value, want)
	if ok && len(items) == 0 {
		r.fail(i.at, "Empty assertion", "%q of %s asserts nothing. It takes %s.", name, r.what, listed(matchWords(), "and"))
	}
	var m lab.Match
	for _, e := range items {
		r.setMatch(name, &m, e)
	}
	return m
}

// setMatch sets the condition of m that an item names.
func (r *reader) setMatch(name string, m *lab.Match, i item) {
	field := map[string]*string{
		"contains": &m.Contains, "not_contains": &m.NotContains, "equals": &m.Equals, "regexp": &m.Regexp,
	}[i.key]
	if field == nil {
		r.fail(i.at, "Unknown condition", "%q of %s has no condition %q: it takes %s.%s",
			name, r.what, i.key, listed(matchWords(), "and"), suggest(i.key, matchWords()))
		return
	}
	text, ok := r.freeText(name+"."+i.key, i)
	if !ok {
		return
	}
	*field = text
	if text == "" {
		hint := "this asserts nothing"
		if i.key == "equals" {
			hint = `to assert that there is nothing, write regexp = "^\\s*$"`
		}
		r.fail(i.at, "Empty assertion", "%q in %q of %s is empty: %s.", i.key, name, r.what, hint)
	}
	if i.key == "regexp" {
		if _, err := regexp.Compile(text); err != nil {
			r.fail(i.at, "Invalid regular expression", "\"regexp\" in %q of %s: %s", name, r.what, r.regexpError(err, i))
		}
	}
}

// regexpError is err's text, which holds the expression, unless i is
// sensitive.
func (r *reader) regexpError(err error, i item) string {
	if isSensitive(i.value) {
		return "the value is sensitive, so that nothing more can be said."
	}
	return fmt.Sprintf("%v.", err)
}
