package hcl

import (
	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format returns src in the layout of `patchlab fmt`. Formatting twice changes
// nothing more. A file with syntax errors is refused: the error is a
// *Diagnostics, with filename as the file's name.
func Format(src []byte, filename string) ([]byte, error) {
	d := newDiagnostics()
	if _, ok := d.parse(filename, src); !ok {
		d.sort()
		return nil, d
	}
	// hclwrite decides line by line from what stands around it, so that its
	// own result can, rarely, be formatted further.
	const passes = 4
	for range passes {
		out := hclwrite.Format(src)
		if string(out) == string(src) {
			break
		}
		src = out
	}
	return src, nil
}

// point is the range of one place without extent.
func point(file string, pos hclv2.Pos) hclv2.Range {
	return hclv2.Range{Filename: file, Start: pos, End: pos}
}
