package hcl

import (
	"bytes"
	"maps"
	"runtime"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/sync/errgroup"
)

// partSize is about how many bytes are parsed in one piece.
const partSize = 4 << 10

// part is a piece of a file, from the beginning of a line.
type part struct {
	src   []byte
	start hclv2.Pos
}

// parseParts parses a large file in pieces, side by side: the parser's time
// and memory are most of what validating a large definition takes. It reports
// false when the file is small or any piece has an error. Pieces end where a
// block seems to; where that is wrong, in a comment or a text of several
// lines, a piece is incomplete and so has an error. When all pieces are right,
// the file is what they are together.
func parseParts(src []byte, name string) (*hclsyntax.Body, bool) {
	parts := split(src)
	if len(parts) < 2 {
		return nil, false
	}
	bodies := make([]*hclsyntax.Body, len(parts))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range parts {
		g.Go(func() error {
			file, diags := hclsyntax.ParseConfig(p.src, name, p.start)
			if diags.HasErrors() {
				return diags
			}
			bodies[i] = file.Body.(*hclsyntax.Body)
			return nil
		})
	}
	if g.Wait() != nil {
		return nil, false
	}
	whole := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
	for _, b := range bodies {
		maps.Copy(whole.Attributes, b.Attributes)
		whole.Blocks = append(whole.Blocks, b.Blocks...)
	}
	return whole, true
}

// split cuts src after lines that consist of a closing brace.
func split(src []byte) []part {
	var parts []part
	start := hclv2.InitialPos
	for rest := src; len(rest) > 0; {
		end := len(rest)
		if from := min(partSize, len(rest)); from < len(rest) {
			if i := bytes.Index(rest[from:], []byte("\n}\n")); i >= 0 {
				end = from + i + len("\n}\n")
			}
		}
		parts = append(parts, part{rest[:end], start})
		start.Line += bytes.Count(rest[:end], []byte("\n"))
		start.Byte += end
		rest = rest[end:]
	}
	return parts
}
