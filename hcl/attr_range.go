package hcl

import (
	"fmt"
	"math"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchlab/patchlab/lab"
)

// limits are what the numbers of a range lie in.
type limits struct {
	lo, hi float64
	whole  bool
	moving bool // a quantity that is never exactly something
}

func (l limits) String() string {
	kind := "a number"
	if l.whole {
		kind = "a whole number"
	}
	if l.hi >= unlimited {
		return fmt.Sprintf("%s from %.15g on", kind, l.lo)
	}
	return fmt.Sprintf("%s from %.15g to %.15g", kind, l.lo, l.hi)
}

// unlimited is more than anything that is counted, and small enough to be
// exact.
const unlimited = 1 << 50

// Limits of ranges.
var (
	percents    = limits{lo: 0, hi: 100}
	counts      = limits{lo: 0, hi: unlimited, whole: true}
	freePercent = limits{lo: 0, hi: 100, moving: true}
	freeMiB     = limits{lo: 0, hi: unlimited, moving: true}
	daysLeft    = limits{lo: -100_000, hi: 100_000, moving: true}
)

func rangeWords() []string { return []string{"min", "max"} }

// rangeAttr reads an assertion about a number: the number itself, or a map
// with its least and greatest value.
func (r *reader) rangeAttr(name string, in limits, def lab.Range) lab.Range {
	v, ok := r.plain(name)
	if !ok {
		return def
	}
	want := in.String() + ", or a map such as { min = 1 }"
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		n := r.floatOf(name, item{value: v, at: r.rangeOf(name)}, in, want)
		if n != nil && in.moving {
			r.fail(r.rangeOf(name), "Wrong type", "%q of %s is hardly ever exactly something: it must be a map. Did you mean { min = %s }?", name, r.what, number(*n))
		}
		return lab.Range{Min: n, Max: n}
	}
	items, ok := r.entries(name, want)
	if ok && len(items) == 0 {
		r.fail(r.rangeOf(name), "Empty assertion", "%q of %s asserts nothing. It takes \"min\", \"max\" or both.", name, r.what)
	}
	var out lab.Range
	for _, i := range items {
		if !slices.Contains(rangeWords(), i.key) {
			r.fail(i.at, "Unknown condition", "%q of %s has no condition %q: it takes %s.%s", name, r.what, i.key, listed(rangeWords(), "and"), suggest(i.key, rangeWords()))
			continue
		}
		if !r.usable(name, i) {
			continue
		}
		n := r.floatOf(name+"."+i.key, i, in, in.String())
		if i.key == "min" {
			out.Min = n
		} else {
			out.Max = n
		}
	}
	if out.Min != nil && out.Max != nil && *out.Min > *out.Max {
		r.fail(r.rangeOf(name), "Empty range", "\"min\" in %q of %s is greater than \"max\": no number is in between.", name, r.what)
	}
	return out
}

// floatOf returns the number in an item; nil when it is a mistake.
func (r *reader) floatOf(name string, i item, in limits, want string) *float64 {
	n, err := convert.Convert(i.value, cty.Number)
	if err != nil || !n.IsKnown() || n.IsNull() {
		r.wrongType(name, i.at, want, i.value)
		return nil
	}
	f, _ := n.AsBigFloat().Float64()
	if f < in.lo || f > in.hi || in.whole && f != math.Trunc(f) {
		r.fail(i.at, "Value out of range", "%q of %s must be %s; this is %s.", name, r.what, want, describe(i.value))
		return nil
	}
	return &f
}

// float reads a number.
func (r *reader) float(name string, in limits, def float64) float64 {
	v, ok := r.plain(name)
	if !ok {
		return def
	}
	if f := r.floatOf(name, item{value: v, at: r.rangeOf(name)}, in, in.String()); f != nil {
		return *f
	}
	return def
}

// optionalNumber reads a whole number; nil when it is not there.
func (r *reader) optionalNumber(name string, lo, hi int) *int {
	if _, ok := r.plain(name); !ok {
		return nil
	}
	n := r.number(name, lo, hi, lo)
	return &n
}

// from and upTo are ranges with one limit.
func from(n float64) lab.Range { return lab.Range{Min: &n} }
func upTo(n float64) lab.Range { return lab.Range{Max: &n} }

// matches reads a map from names to assertions about text.
func (r *reader) matches(name, example string) map[string]lab.Match {
	items, ok := r.entries(name, "a map, such as "+example)
	if ok && len(items) == 0 {
		r.fail(r.rangeOf(name), "Empty assertion", "%q of %s asserts nothing: it is an empty map.", name, r.what)
	}
	var out map[string]lab.Match
	for _, i := range items {
		if m := r.matchOf(name, i); !isLine(i.key) {
			r.fail(i.at, "Invalid name", "%q, in %q of %s, cannot be a name.", i.key, name, r.what)
		} else if out == nil {
			out = map[string]lab.Match{i.key: m}
		} else {
			out[i.key] = m
		}
	}
	return out
}

// rows reads a list of lists of free text; null is "NULL".
func (r *reader) rows(name string) [][]string {
	const want = `a list of rows, such as [["1", "open"]]`
	items, ok := r.items(name, want)
	if !ok {
		return nil
	}
	out := [][]string{} // empty: there must be none
	for _, i := range items {
		whole, marks := i.value.Unmark()
		if !whole.IsKnown() {
			continue
		}
		ty := whole.Type()
		if whole.IsNull() || !ty.IsTupleType() && !ty.IsListType() {
			r.fail(i.at, "Wrong type", "%q of %s must be %s; this element is %s.", name, r.what, want, describe(i.value))
			continue
		}
		out = append(out, r.row(name, i, whole, marks))
	}
	return out
}

// row returns the texts in a list, which is item i without its marks.
func (r *reader) row(name string, i item, list cty.Value, marks cty.ValueMarks) []string {
	row := []string{}
	written, _ := i.expr.(*hclsyntax.TupleConsExpr)
	for it := list.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if e.IsKnown() && e.IsNull() {
			row = append(row, "NULL")
			continue
		}
		cell := item{value: e.WithMarks(marks), expr: i.expr, at: i.at}
		if n := len(row); written != nil && n < len(written.Exprs) {
			cell.expr, cell.at = written.Exprs[n], written.Exprs[n].Range()
		}
		text, _ := r.freeText("each value of "+name, cell)
		row = append(row, text)
	}
	return row
}
