package hcl

import (
	"fmt"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// envPrefix begins the names of environment variables that set variables.
const envPrefix = "PATCHLAB_VAR_"

// origin is where the value of a variable is from.
type origin struct {
	what string       // for messages
	at   *hclv2.Range // nil when it is in no file
}

// givenValue is a value from outside of the definition: text, or an expression
// of a variable file.
type givenValue struct {
	from origin
	text string
	expr hclsyntax.Expression // nil for text
}

// givenValues are those of all sources, the strongest one for each name.
type givenValues struct {
	values map[string]givenValue
	strict []namedOrigin // names that must be declared; not those of the environment
}

type namedOrigin struct {
	name string
	from origin
}

// readGiven reads all sources, weakest first: environment, files, options.
func (d *Diagnostics) readGiven(o Options) *givenValues {
	g := &givenValues{values: map[string]givenValue{}}
	for _, kv := range o.Environ {
		if name, text, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, envPrefix) {
			g.values[strings.TrimPrefix(name, envPrefix)] = givenValue{from: origin{what: "the environment variable " + name}, text: text}
		}
	}
	for _, file := range o.VarFiles {
		g.readFile(d, file)
	}
	for _, option := range o.Vars {
		name, text, ok := strings.Cut(option, "=")
		if !ok || name == "" {
			// The option may be a secret whose name was forgotten.
			d.add(nil, "Invalid --var", "--var takes a name and a value: --var NAME=VALUE. One of those given has no \"=\" after a name.", note{})
			continue
		}
		g.put(name, givenValue{from: origin{what: "--var"}, text: text})
	}
	return g
}

func (g *givenValues) put(name string, v givenValue) {
	g.values[name] = v
	g.strict = append(g.strict, namedOrigin{name, v.from})
}

// readFile reads a file of "name = value" lines.
func (g *givenValues) readFile(d *Diagnostics, file string) {
	src, err := read(file)
	if err != nil {
		d.add(nil, "Unreadable variable file", fmt.Sprintf("Cannot read the file given by --var-file: %v.", err), note{})
		return
	}
	body, ok := d.parse(file, src)
	if !ok {
		d.maskAll(file)
		return
	}
	for _, b := range body.Blocks {
		d.add(b.TypeRange.Ptr(), "Block in a variable file", "A variable file consists of lines NAME = VALUE.", note{})
	}
	for _, a := range inOrder(body.Attributes) {
		at := a.NameRange
		g.put(a.Name, givenValue{from: origin{what: "--var-file", at: &at}, expr: a.Expr})
	}
}

// maskAll hides the text of a variable file that cannot be read: which of its
// lines are sensitive is not known.
func (d *Diagnostics) maskAll(file string) { delete(d.sources, file) }

// checkNames reports values for variables that are not declared.
func (g *givenValues) checkNames(d *Diagnostics, declared []string) {
	for _, n := range g.strict {
		if !slices.Contains(declared, n.name) {
			detail := fmt.Sprintf("%s sets %q, but the definition has no such variable.%s", n.from.what, n.name, suggest(n.name, declared))
			if expr := g.values[n.name].expr; expr != nil { // perhaps a secret whose name was mistyped
				d.secrets.ranges = append(d.secrets.ranges, expr.Range())
			}
			d.add(n.from.at, "Undeclared variable", upperFirst(detail), note{})
		}
	}
}

// value computes what was given for v, as Terraform does: text for a variable
// of a plain type is that text, otherwise it is an expression.
func (g givenValue) value(s *scope, v *variable) (cty.Value, bool) {
	expr := g.expr
	if expr == nil {
		if v.ty.IsPrimitiveType() || v.ty == cty.DynamicPseudoType {
			return cty.StringVal(g.text), true
		}
		if len(g.text) > maxOpenings {
			s.d.add(nil, "Value too long", fmt.Sprintf("Variable %q, from %s: an expression given there has at most %d bytes.", v.name, g.from.what, maxOpenings), note{})
			return cty.DynamicVal, false
		}
		var diags hclv2.Diagnostics
		if expr, diags = hclsyntax.ParseExpression([]byte(g.text), g.from.what, hclv2.InitialPos); diags.HasErrors() {
			s.reportValue(v, g.from, diags)
			return cty.DynamicVal, false
		}
	} else if v.sensitive {
		s.d.secrets.ranges = append(s.d.secrets.ranges, expr.Range())
	}
	value, diags := expr.Value(&hclv2.EvalContext{Functions: s.base.Functions})
	if diags.HasErrors() {
		s.reportValue(v, g.from, diags)
		return cty.DynamicVal, false
	}
	return value, true
}
