package hcl_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// model parses package lab, which says what kinds there are.
func model(t *testing.T) []*ast.File {
	t.Helper()
	files, err := filepath.Glob("../lab/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of package lab: %v", err)
	}
	var out []*ast.File
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// constants returns the values of the string constants of a type, sorted.
func constants(t *testing.T, typeName string) []string {
	t.Helper()
	var out []string
	for _, f := range model(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typeName {
				for _, v := range spec.Values {
					text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, text)
				}
			}
			return true
		})
	}
	if len(out) == 0 {
		t.Fatalf("no constants of the type %s", typeName)
	}
	slices.Sort(out)
	return out
}

// specTypes returns the names of the types that are a lab.CheckSpec, sorted.
func specTypes(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, f := range model(t) {
		for _, d := range f.Decls {
			method, ok := d.(*ast.FuncDecl)
			if !ok || method.Recv == nil || method.Name.Name != "Kind" {
				continue
			}
			if star, ok := method.Recv.List[0].Type.(*ast.StarExpr); ok {
				out = append(out, star.X.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// noResult is what the small lab needs.
const noResult = "locals { result = \"\" }\n"

func loadEveryKind(t *testing.T) *lab.Lab {
	t.Helper()
	l, d := hcl.Load(filepath.Join("testdata", "valid", "every_kind"), hcl.Options{})
	if d.HasErrors() {
		t.Fatal(d)
	}
	return l
}

// members returns a check's spec, and those in it.
func members(s lab.CheckSpec) []lab.CheckSpec {
	if c, ok := s.(*lab.CombinedCheck); ok {
		return append([]lab.CheckSpec{s}, c.Members...)
	}
	return []lab.CheckSpec{s}
}

// TestEveryCheckCanBeWritten has a lab with every kind of check that package
// lab knows.
func TestEveryCheckCanBeWritten(t *testing.T) {
	var got []string
	for _, c := range loadEveryKind(t).Checks {
		for _, s := range members(c.Spec) {
			got = append(got, reflect.TypeOf(s).Elem().Name())
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(specTypes(t), slices.Compact(got)); diff != "" {
		t.Errorf("types of checks (-in lab +in the definition):\n%s", diff)
	}
}

// TestEveryPatchCanBeWritten has a lab with every kind of patch that package
// lab knows, but that of several patches, which a command line makes.
func TestEveryPatchCanBeWritten(t *testing.T) {
	got := []string{string(lab.PatchBatch)}
	for _, p := range loadEveryKind(t).Patches {
		got = append(got, string(p.Kind))
	}
	slices.Sort(got)
	if diff := cmp.Diff(constants(t, "PatchKind"), slices.Compact(got)); diff != "" {
		t.Errorf("kinds of patches (-in lab +in the definition):\n%s", diff)
	}
}

// TestEveryChangeCanBeExpected expects each kind of change that package lab
// knows.
func TestEveryChangeCanBeExpected(t *testing.T) {
	kinds := constants(t, "StateKind")
	l := load(t, noResult+`
patch "p" {
  packages = ["openssl"]
  targets  = [machine.m]
  expect {
    changes = ["`+strings.Join(kinds, `", "`)+`"]
  }
}`, hcl.Options{})
	if diff := cmp.Diff(kinds, l.Patches[0].Expect.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestDocumentationIsFormatted formats the definitions that serve as examples.
func TestDocumentationIsFormatted(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/valid/every_kind/*.hcl", "../examples/*/*.hcl"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out, err := hcl.Format(src, name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(src), string(out)); diff != "" {
			t.Errorf("%s is not formatted (-file +formatted):\n%s", name, diff)
		}
	}
}
