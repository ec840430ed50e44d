package report_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// enum compares the values of a kind with its constants.
func (d *drift) enum(name string, n node) {
	if want := constants(d.T)[name]; n.Type != "string" || len(want) == 0 || !slices.Equal(n.Enum, want) {
		d.Errorf("%s: the schema has %q (%v), the code %q", name, n.Enum, n.Type, want)
	}
	for _, v := range n.Enum {
		if n.Description == "" || (strings.Contains(n.Description, ": ") && !strings.Contains(n.Description, v)) {
			d.Errorf("%s: %q is not described", name, v)
		}
	}
}

// constants are the constants of package lab by the name of their type, in
// the order of the source.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	sources, err := filepath.Glob("../*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no source of package lab: %v", err)
	}
	out := map[string][]string{}
	for _, source := range sources {
		f, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if v, is := n.(*ast.ValueSpec); is {
				if name, value, is := constant(v); is {
					out[name] = append(out[name], value)
				}
			}
			return true
		})
	}
	return out
}

func constant(v *ast.ValueSpec) (typ, value string, is bool) {
	name, named := v.Type.(*ast.Ident)
	if !named || len(v.Values) != 1 {
		return "", "", false
	}
	lit, literal := v.Values[0].(*ast.BasicLit)
	if !literal || lit.Kind != token.STRING {
		return "", "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return name.Name, text, err == nil
}
