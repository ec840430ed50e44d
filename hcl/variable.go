package hcl

import (
	"fmt"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is a declared variable.
type variable struct {
	name      string
	block     *hclsyntax.Block
	ty        cty.Type // cty.DynamicPseudoType when any will do
	defaults  *typeexpr.Defaults
	sensitive bool
	broken    bool // its type is a mistake that was reported
}

// declareVariables makes var.NAME known for each variable block, with values
// from the default and from g.
func (s *scope) declareVariables(blocks []*hclsyntax.Block, g *givenValues) {
	var names []string
	for _, b := range blocks {
		names = append(names, b.Labels[0])
	}
	g.checkNames(s.d, names)
	var vars []*variable
	for _, b := range blocks {
		v := s.readVariable(b)
		vars = append(vars, v)
		s.declare(&symbol{kind: "var", name: v.name, state: done, value: s.variableValue(v, g)})
	}
	for _, v := range vars { // a condition may use every variable
		s.validate(v)
	}
}

func (s *scope) readVariable(b *hclsyntax.Block) *variable {
	v := &variable{name: b.Labels[0], block: b, ty: cty.DynamicPseudoType}
	if a := b.Body.Attributes["sensitive"]; a != nil {
		v.sensitive = true // also where it cannot be understood
		is, ok := s.constant(a, cty.Bool)
		if ok && !is.IsNull() {
			v.sensitive = is.True()
		}
	}
	if a := b.Body.Attributes["description"]; a != nil {
		s.constant(a, cty.String)
	}
	if a := b.Body.Attributes["type"]; a != nil {
		ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expr)
		v.ty, v.defaults, v.broken = ty, defaults, diags.HasErrors()
		s.report(diags)
	}
	return v
}

// constant computes an attribute that can refer to nothing.
func (s *scope) constant(a *hclsyntax.Attribute, ty cty.Type) (cty.Value, bool) {
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() {
		s.report(diags)
		return cty.DynamicVal, false
	}
	out, err := convert.Convert(v, ty)
	if err != nil {
		s.d.add(a.Expr.Range().Ptr(), "Wrong type", fmt.Sprintf("%q must be a %s; this is %s.", a.Name, ty.FriendlyName(), describe(v)), note{})
		return cty.DynamicVal, false
	}
	return out, true
}

// report takes in errors of the HCL library.
func (s *scope) report(diags hclv2.Diagnostics) {
	for _, g := range diags {
		if g.Severity == hclv2.DiagError {
			s.d.put(&hclv2.Diagnostic{Severity: g.Severity, Summary: g.Summary, Detail: g.Detail, Subject: g.Subject})
		}
	}
}

// variableValue returns what v is set to, marked when v is sensitive, and
// unknown when that is a mistake.
func (s *scope) variableValue(v *variable, g *givenValues) cty.Value {
	value, from, ok := s.rawValue(v, g)
	if v.sensitive {
		s.d.secrets.add(value) // before anything can complain about it
	}
	if !ok || v.broken {
		return cty.DynamicVal
	}
	if v.defaults != nil && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	out, err := convert.Convert(value, v.ty)
	if err != nil {
		why := err.Error()
		if v.sensitive {
			why = "the value is sensitive, so that nothing more can be said"
		}
		s.d.add(from.at, "Wrong type", fmt.Sprintf("Variable %q, from %s, must be of the type %s: %s.",
			v.name, from.what, typeexpr.TypeString(v.ty), why), note{})
		return cty.DynamicVal
	}
	if v.sensitive {
		s.d.secrets.add(out)
		return out.Mark(sensitive{})
	}
	return out
}

// rawValue returns the value of v as it was given, where it is from, and
// whether it has one.
func (s *scope) rawValue(v *variable, g *givenValues) (cty.Value, origin, bool) {
	if given, ok := g.values[v.name]; ok {
		value, ok := given.value(s, v)
		return value, given.from, ok
	}
	a := v.block.Body.Attributes["default"]
	if a == nil {
		s.d.add(v.block.DefRange().Ptr(), "Variable without a value",
			fmt.Sprintf("Variable %q has no default. Give it a value: --var %s=…, a --var-file, or the environment variable %s%s.",
				v.name, v.name, envPrefix, v.name), note{})
		return cty.DynamicVal, origin{}, false
	}
	from := origin{what: "its default", at: a.Expr.Range().Ptr()}
	if v.sensitive {
		s.d.secrets.ranges = append(s.d.secrets.ranges, a.Expr.Range())
	}
	value, diags := a.Expr.Value(&hclv2.EvalContext{Functions: s.base.Functions})
	if diags.HasErrors() {
		s.reportValue(v, from, diags)
		return cty.DynamicVal, from, false
	}
	return value, from, true
}

// reportValue takes in errors in the value of v; of a sensitive one without
// their details.
func (s *scope) reportValue(v *variable, from origin, diags hclv2.Diagnostics) {
	for _, g := range diags {
		detail := fmt.Sprintf("Variable %q, from %s: %s", v.name, from.what, g.Detail)
		if v.sensitive {
			detail = fmt.Sprintf("Variable %q, from %s, is sensitive, so that nothing more can be said.", v.name, from.what)
		}
		at := g.Subject
		if from.at == nil {
			at = nil
		}
		s.d.add(at, g.Summary, detail, note{})
	}
}

// validate checks the conditions of v.
func (s *scope) validate(v *variable) {
	if !s.symbols["var"][v.name].value.IsKnown() {
		return
	}
	for _, b := range v.block.Body.Blocks {
		condition, message := b.Body.Attributes["condition"], b.Body.Attributes["error_message"]
		if b.Type != "validation" || condition == nil || message == nil {
			continue
		}
		r := s.reader(v.block, v.name, nil).inside(b)
		holds, known := r.boolOf(condition)
		if !known || holds {
			continue
		}
		text, _ := r.value("error_message")
		detail := fmt.Sprintf("The value of variable %q is refused.", v.name)
		if !isSensitive(text) && text.IsKnown() && !text.IsNull() && text.Type() == cty.String {
			detail = text.AsString()
		}
		s.d.add(condition.Expr.Range().Ptr(), "Refused value of a variable", detail, note{})
	}
}
