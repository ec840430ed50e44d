package hcl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// blocksOf lists the blocks and attributes of a body with their places.
func blocksOf(b *hclsyntax.Body) []string {
	var out []string
	for _, k := range b.Blocks {
		out = append(out, fmt.Sprintf("%s %v %v %d-%d", k.Type, k.Labels, k.DefRange(), k.DefRange().Start.Byte, k.CloseBraceRange.End.Byte))
		for _, a := range inOrder(k.Body.Attributes) {
			out = append(out, fmt.Sprintf("  %s %v %d", a.Name, a.SrcRange, a.SrcRange.Start.Byte))
		}
	}
	for _, a := range inOrder(b.Attributes) {
		out = append(out, fmt.Sprintf("%s %v", a.Name, a.SrcRange))
	}
	return out
}

// TestPartsAreTheWhole compares parsing in pieces with parsing at once.
func TestPartsAreTheWhole(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "# ünï %d\nblock \"n%d\" {\n  a = %d\n  b = <<-E\n    é\n  E\n}\n\n", i, i, i)
	}
	src := []byte(b.String())
	if n := len(split(src)); n < 3 {
		t.Fatalf("%d pieces: the test shows nothing", n)
	}
	got, ok := parseParts(src, "f.hcl")
	if !ok {
		t.Fatal("the pieces could not be parsed")
	}
	file, diags := hclsyntax.ParseConfig(src, "f.hcl", hclv2.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if diff := cmp.Diff(blocksOf(file.Body.(*hclsyntax.Body)), blocksOf(got)); diff != "" {
		t.Errorf("(-whole +pieces):\n%s", diff)
	}
}

// TestWrongCuts has what looks like the end of a block where none is.
func TestWrongCuts(t *testing.T) {
	fill := strings.Repeat("x\n}\n", partSize/2)
	for name, src := range map[string]string{
		"comment": "a {}\n/*\n" + fill + "*/\nb {}\n",
		"heredoc": "a {\n  t = <<E\n" + fill + "E\n}\nb {}\n",
		"nested":  "a {\n" + strings.Repeat("b {\n}\n", partSize/4) + "}\nb {}\n",
	} {
		if _, ok := parseParts([]byte(src), "f.hcl"); ok {
			t.Errorf("%s: wrong pieces were taken for right", name)
		}
		d := newDiagnostics()
		body, ok := d.parse("f.hcl", []byte(src))
		if !ok || len(body.Blocks) != 2 {
			t.Errorf("%s: not parsed as a whole: %v", name, d)
		}
	}
}
