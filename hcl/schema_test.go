package hcl

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TestEveryAttributeIsUsed looks for each attribute of each block in the valid
// definitions: one that is nowhere is tested by nothing.
func TestEveryAttributeIsUsed(t *testing.T) {
	used := map[string]bool{}
	files, err := filepath.Glob("testdata/valid/*/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		body, ok := newDiagnostics().parse(name, src)
		if !ok {
			t.Fatalf("%s has mistakes", name)
		}
		noteUsed(used, "", body)
	}
	for kind, top := range language() {
		missing(t, used, kind, top.body)
	}
}

// noteUsed notes the blocks and attributes of a body.
func noteUsed(used map[string]bool, path string, body *hclsyntax.Body) {
	for name := range body.Attributes {
		used[path+" "+name] = true
	}
	for _, b := range body.Blocks {
		used[path+"/"+b.Type] = true
		noteUsed(used, path+"/"+b.Type, b.Body)
	}
}

// missing reports what of a schema is not used. What can be in any and all is
// looked for elsewhere.
func missing(t *testing.T, used map[string]bool, path string, s *schema) {
	t.Helper()
	if !used["/"+path] {
		t.Errorf("block %s is in no definition", path)
	}
	for _, name := range s.attrs {
		if !used["/"+path+" "+name] {
			t.Errorf("attribute %s of %s is in no definition", name, path)
		}
	}
	for kind, n := range s.blocks {
		if path != "check/any" && path != "check/all" {
			missing(t, used, path+"/"+kind, n.body)
		}
	}
}
