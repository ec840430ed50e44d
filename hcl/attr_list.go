package hcl

import (
	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchlab/patchlab/lab"
)

// item is an element of a list or map, with its place: its own where it is
// written out, otherwise that of the whole.
type item struct {
	key   string // of a map
	value cty.Value
	expr  hclsyntax.Expression // nil when it is not written out
	at    hclv2.Range
}

// items reads a list. It reports false when there is none to go on with.
func (r *reader) items(name, want string) ([]item, bool) {
	v, ok := r.value(name)
	if !ok {
		return nil, false
	}
	whole, marks := v.Unmark()
	ty := whole.Type()
	if !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType() {
		r.wrongType(name, r.rangeOf(name), want, v)
		return nil, false
	}
	list, _ := r.body.Attributes[name].Expr.(*hclsyntax.TupleConsExpr)
	var out []item
	for it := whole.ElementIterator(); it.Next(); {
		_, e := it.Element()
		one := item{value: e.WithMarks(marks), at: r.rangeOf(name)}
		if i := len(out); list != nil && i < len(list.Exprs) {
			one.expr, one.at = list.Exprs[i], list.Exprs[i].Range()
		}
		out = append(out, one)
	}
	return out, true
}

// entries reads a map, in the order of its keys.
func (r *reader) entries(name, want string) ([]item, bool) {
	v, ok := r.value(name)
	if !ok {
		return nil, false
	}
	return r.entriesOf(name, r.body.Attributes[name].Expr, v, want)
}

// entriesOf takes apart v, the value of expr.
func (r *reader) entriesOf(name string, expr hclsyntax.Expression, v cty.Value, want string) ([]item, bool) {
	whole, marks := v.Unmark()
	if ty := whole.Type(); isRef(whole) || !ty.IsObjectType() && !ty.IsMapType() {
		r.wrongType(name, expr.Range(), want, v)
		return nil, false
	}
	written := r.written(expr)
	var out []item
	for it := whole.ElementIterator(); it.Next(); {
		k, e := it.Element()
		one := item{key: k.AsString(), value: e.WithMarks(marks), at: expr.Range()}
		if x := written[one.key]; x != nil {
			one.expr, one.at = x, x.Range()
		}
		out = append(out, one)
	}
	return out, true
}

// written returns the expressions of a map that is written out, by key.
func (r *reader) written(expr hclsyntax.Expression) map[string]hclsyntax.Expression {
	object, ok := expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil
	}
	out := map[string]hclsyntax.Expression{}
	for _, i := range object.Items {
		key := r.s.eval(i.KeyExpr, r.in)
		key, _ = key.Unmark()
		if key.IsKnown() && !key.IsNull() && key.Type() == cty.String {
			out[key.AsString()] = i.ValueExpr
		}
	}
	return out
}

const wantList = `a list of strings, such as ["a", "b"]`

// strs reads a list of strings that are shown.
func (r *reader) strs(name string) []item {
	items, _ := r.items(name, wantList)
	var out []item
	for _, i := range items {
		if r.usable(name, i) && r.shown(name, i) {
			if _, ok := scalarText(i.value); ok {
				out = append(out, i)
				continue
			}
			r.wrongType("each element of "+name, i.at, "a string", i.value)
		}
	}
	return out
}

// text returns the string in an item that strs returned.
func (i item) text() string {
	text, _ := scalarText(i.value)
	return text
}

// usable reports whether an item has a value; a null is reported.
func (r *reader) usable(name string, i item) bool {
	if i.value.IsKnown() && i.value.IsNull() {
		r.fail(i.at, "Wrong type", "An element of %q of %s is null.", name, r.what)
		return false
	}
	return i.value.IsKnown()
}

// shown reports whether an item may be shown; a sensitive one is reported.
func (r *reader) shown(name string, i item) bool {
	if isSensitive(i.value) {
		r.fail(i.at, "Sensitive value", "%q of %s is shown in plans and reports: it cannot be sensitive.", name, r.what)
		return false
	}
	return true
}

// machines reads a list of references to machines. A machine with for_each
// stands for all its machines. Repetitions are dropped.
func (r *reader) machines(name string) []*lab.Machine {
	const want = "a list of machines, such as [machine.NAME]"
	items, _ := r.items(name, want)
	var out []*lab.Machine
	seen := map[*lab.Machine]bool{}
	for _, i := range items {
		if !r.usable(name, i) || !r.shown(name, i) {
			continue
		}
		found := machinesIn(i.value)
		if found == nil {
			hint := ""
			if i.value.Type() == cty.String {
				hint = r.unquoted(i.value.AsString(), want[len("a list of machines, such as ["):])
			}
			r.fail(i.at, "Wrong type", "%q of %s must be %s; this element is %s.%s", name, r.what, want, describe(i.value), hint)
		}
		for _, m := range found {
			if !seen[m] {
				seen[m] = true
				out = append(out, m)
			}
		}
	}
	return out
}

// machinesIn returns the machine that v refers to, or all those of a machine
// with for_each; nil when v is neither, empty when there are none.
func machinesIn(v cty.Value) []*lab.Machine {
	if m, ok := refTarget(v).(*lab.Machine); ok {
		return []*lab.Machine{m}
	}
	if !v.Type().IsObjectType() || isRef(v) {
		return nil
	}
	out := []*lab.Machine{}
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		if !e.IsKnown() || e.IsNull() || isSensitive(e) {
			return nil
		}
		m, ok := refTarget(e).(*lab.Machine)
		if !ok {
			return nil
		}
		out = append(out, m)
	}
	return out
}
