package hcl

import (
	"fmt"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// scope is what expressions are evaluated in.
type scope struct {
	d        *Diagnostics
	dir      string // absolute
	language map[string]topLevel
	kinds    map[string]checkKind
	doubtful map[string]bool // names of blocks that could not be used: references to them are not reported again
	base     *hclv2.EvalContext
	symbols  map[string]map[string]*symbol // by kind and name
	order    []*symbol
	path     []*symbol // of resolve
}

func newScope(d *Diagnostics, dir string) *scope {
	return &scope{
		d: d, dir: dir, symbols: map[string]map[string]*symbol{},
		language: language(), kinds: kindsByName(),
		base: &hclv2.EvalContext{Functions: functions()},
	}
}

// each is one element of a for_each.
type each struct {
	key   string
	value cty.Value
}

// eval computes e. What cannot be computed is reported and unknown. A null
// "in" means that there is no each.
func (s *scope) eval(e hclsyntax.Expression, in *each) cty.Value {
	refs := e.Variables()
	ok := true
	for _, t := range refs {
		if y := s.find(t); y != nil {
			s.resolve(y)
		}
		ok = s.checkRef(t, in) && ok
	}
	if !ok {
		return cty.DynamicVal
	}
	ctx := s.context(refs, in)
	v, diags := e.Value(ctx)
	if !diags.HasErrors() {
		return v
	}
	for _, g := range diags {
		if g.Severity == hclv2.DiagError {
			s.d.put(&hclv2.Diagnostic{
				Severity: hclv2.DiagError, Summary: g.Summary, Detail: s.explain(g.Detail, refs, ctx),
				Subject: g.Subject, Extra: note{instance: in != nil},
			})
		}
	}
	return cty.DynamicVal
}

// context offers the functions and what refs refer to, and no more: it costs
// the same however large the lab is.
func (s *scope) context(refs []hclv2.Traversal, in *each) *hclv2.EvalContext {
	if len(refs) == 0 {
		return s.base
	}
	members := map[string]map[string]cty.Value{}
	for _, t := range refs {
		root := t.RootName()
		if members[root] == nil {
			members[root] = map[string]cty.Value{}
		}
		switch root {
		case "each":
			members[root]["key"], members[root]["value"] = cty.StringVal(in.key), in.value
		case "path":
			members[root]["lab"] = cty.StringVal(s.dir)
		default:
			y := s.find(t)
			members[root][y.name] = y.value
		}
	}
	ctx := s.base.NewChild()
	ctx.Variables = make(map[string]cty.Value, len(members))
	for root, m := range members {
		ctx.Variables[root] = cty.ObjectVal(m)
	}
	return ctx
}

// explain adds to an evaluation's error the values that took part in it. With
// a sensitive one among them nothing is said: the error's text may hold it.
func (s *scope) explain(detail string, refs []hclv2.Traversal, ctx *hclv2.EvalContext) string {
	var values []string
	for _, t := range refs {
		v, diags := t.TraverseAbs(ctx)
		if diags.HasErrors() {
			v = cty.DynamicVal
			if y := s.find(t); y != nil {
				v = y.value
			}
		}
		if isSensitive(v) {
			return "The expression uses a sensitive value, so that nothing more can be said."
		}
		if isRef(v) {
			values = append(values, fmt.Sprintf("%s is %s: as text, write %s.name.", spelled(t), describe(v), spelled(t)))
			continue
		}
		line := fmt.Sprintf("%s is %s.", spelled(t), describe(v))
		if !diags.HasErrors() && v.IsWhollyKnown() && !slices.Contains(values, line) {
			values = append(values, line)
		}
	}
	if values == nil {
		return detail
	}
	return detail + "\nHere " + strings.Join(values, "\nHere ")
}

// expand computes a for_each: the elements of a map, or of a set of strings.
// It reports whether it could.
func (s *scope) expand(a *hclsyntax.Attribute) ([]each, bool) {
	v := s.eval(a.Expr, nil)
	at := a.Expr.Range()
	const want = `for_each takes a map, or a set of strings such as toset(["a", "b"])`
	switch ty := v.Type(); {
	case v.IsMarked():
		return nil, s.refError(at, "Sensitive value", "The keys of for_each become names, which are shown in plans and reports: they cannot be sensitive.")
	case !v.IsKnown() || !v.IsWhollyKnown() && ty.IsSetType():
		return nil, false // reported where it went wrong
	case v.IsNull():
		return nil, s.refError(at, "Invalid for_each", want+"; this is null.")
	case isRef(v):
		return nil, s.refError(at, "Invalid for_each", want+"; this is "+describe(v)+".")
	case ty.IsMapType() || ty.IsObjectType() || ty.IsSetType() && (ty.ElementType() == cty.String || v.LengthInt() == 0):
		return s.elements(v, at)
	default:
		return nil, s.refError(at, "Invalid for_each", want+"; this is "+describe(v)+".")
	}
}

// elements returns the elements of a map, an object or a set of strings, in
// the order of their keys. A null among them is reported.
func (s *scope) elements(v cty.Value, at hclv2.Range) ([]each, bool) {
	var out []each
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		if k.IsNull() {
			return nil, s.refError(at, "Invalid for_each", "A key of for_each is null.")
		}
		out = append(out, each{key: k.AsString(), value: e})
	}
	return out, true
}
