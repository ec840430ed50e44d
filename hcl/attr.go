package hcl

import (
	"fmt"
	"slices"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchlab/patchlab/lab"
)

// reader reads the attributes of one block. A mistake is reported with the
// attribute's name, once; the methods then return the default.
type reader struct {
	s      *scope
	what   string // the block, for messages: `machine "db"`
	self   *hclsyntax.Block
	body   *hclsyntax.Body
	schema *schema
	os     lab.OS               // of the machine that the block is about; empty: of none, or not known
	in     *each                // nil outside of for_each
	memo   map[string]cty.Value // attributes that were computed already
}

// reader returns a reader for a block at the top of a file.
func (s *scope) reader(b *hclsyntax.Block, name string, in *each) *reader {
	return &reader{
		s: s, what: fmt.Sprintf("%s %q", b.Type, name), self: b, body: b.Body,
		schema: s.language[b.Type].body, in: in, memo: map[string]cty.Value{},
	}
}

// inside returns a reader for a block in this one.
func (r *reader) inside(b *hclsyntax.Block) *reader {
	return &reader{
		s: r.s, what: b.Type + " of " + r.what, self: b, body: b.Body,
		schema: r.schema.blocks[b.Type].body, os: r.os, in: r.in, memo: map[string]cty.Value{},
	}
}

// blocks returns the blocks of a type in this one.
func (r *reader) blocks(kind string) []*hclsyntax.Block {
	var out []*hclsyntax.Block
	for _, b := range r.body.Blocks {
		if b.Type == kind {
			out = append(out, b)
		}
	}
	return out
}

// block returns the first block of a type, or nil.
func (r *reader) block(kind string) *hclsyntax.Block {
	if all := r.blocks(kind); len(all) > 0 {
		return all[0]
	}
	return nil
}

// fail reports a mistake at a place.
func (r *reader) fail(at hclv2.Range, summary, format string, args ...any) {
	r.s.d.add(&at, summary, fmt.Sprintf(format, args...), note{instance: r.in != nil})
}

// has reports whether the attribute has a value: also one that is a mistake,
// but not null.
func (r *reader) has(name string) bool {
	v, ok := r.value(name)
	return ok || !v.IsKnown()
}

// rangeOf is the place of an attribute's value; of the block when it is not
// there.
func (r *reader) rangeOf(name string) hclv2.Range {
	if a := r.body.Attributes[name]; a != nil {
		return a.Expr.Range()
	}
	return r.body.Range()
}

// value computes an attribute. It reports false when there is nothing to go
// on with: the attribute is missing or null, or a mistake was reported.
func (r *reader) value(name string) (cty.Value, bool) {
	a := r.body.Attributes[name]
	if a == nil {
		return cty.NullVal(cty.DynamicPseudoType), false
	}
	v, again := r.memo[name]
	if !again {
		v = r.s.eval(a.Expr, r.in)
		r.memo[name] = v
		if v.IsKnown() && v.IsNull() && slices.Contains(r.schema.needed, name) {
			r.fail(a.Expr.Range(), "Missing attribute", "%q of %s must have a value; this is null.", name, r.what)
		}
	}
	if !v.IsKnown() || v.IsNull() {
		return v, false
	}
	return v, true
}

// plain is value for what plans and reports show: it cannot be sensitive.
func (r *reader) plain(name string) (cty.Value, bool) {
	v, ok := r.value(name)
	if ok && isSensitive(v) {
		r.fail(r.rangeOf(name), "Sensitive value", "%q of %s is shown in plans and reports: it cannot be sensitive.", name, r.what)
		return v, false
	}
	return v, ok
}

// wrongType reports a value that is not what an attribute takes.
func (r *reader) wrongType(name string, at hclv2.Range, want string, v cty.Value) {
	r.fail(at, "Wrong type", "%q of %s must be %s; this is %s.", name, r.what, want, describe(v))
}

// str reads a string that is shown. A number or bool is taken as its text.
func (r *reader) str(name, def string) (string, bool) {
	v, ok := r.plain(name)
	if !ok {
		return def, false
	}
	text, isText := scalarText(v)
	if !isText {
		r.wrongType(name, r.rangeOf(name), "a string", v)
		return def, false
	}
	return text, true
}

// number reads a whole number from lo to hi.
func (r *reader) number(name string, lo, hi, def int) int {
	v, ok := r.plain(name)
	if !ok {
		return def
	}
	want := fmt.Sprintf("a whole number from %d to %d", lo, hi)
	n, err := convert.Convert(v, cty.Number)
	if err != nil {
		r.wrongType(name, r.rangeOf(name), want, v)
		return def
	}
	i, err := wholeNumber(n)
	if err != nil || i < int64(lo) || i > int64(hi) {
		r.fail(r.rangeOf(name), "Value out of range", "%q of %s must be %s; this is %s.", name, r.what, want, describe(v))
		return def
	}
	return int(i)
}

// boolean reads a bool.
func (r *reader) boolean(name string, def bool) bool {
	if a := r.body.Attributes[name]; a != nil {
		if is, ok := r.boolOf(a); ok {
			return is
		}
	}
	return def
}

// boolOf computes an attribute as a bool.
func (r *reader) boolOf(a *hclsyntax.Attribute) (is, ok bool) {
	v, ok := r.value(a.Name)
	if !ok {
		return false, false
	}
	plain, _ := v.UnmarkDeep()
	b, err := convert.Convert(plain, cty.Bool)
	if err != nil {
		r.wrongType(a.Name, a.Expr.Range(), "true or false", v)
		return false, false
	}
	return b.True(), b.IsKnown()
}

// oneOf reads one of some words.
func oneOf[T ~string](r *reader, name string, def T, words ...T) T {
	text, ok := r.str(name, string(def))
	if !ok || slices.Contains(words, T(text)) {
		return T(text)
	}
	var known []string
	for _, w := range words {
		known = append(known, string(w))
	}
	r.fail(r.rangeOf(name), "Unknown value", "%q of %s must be %s; this is %q.%s", name, r.what, listed(known, "or"), text, suggest(text, known))
	return def
}
