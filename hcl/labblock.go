package hcl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// buildLab reads the lab block, and reports when there is none.
func (b *builder) buildLab(blocks []*hclsyntax.Block) {
	if len(blocks) == 0 {
		if b.doubtful {
			return // it may be the one that was reported
		}
		b.d.add(nil, "No lab block", fmt.Sprintf("A definition needs one lab block, such as lab \"dental\" { client = \"Harbour Dental\" }, in one of the *%s files of %s.", Extension, b.s.dir), note{})
		return
	}
	block := blocks[0]
	r := b.s.reader(block, block.Labels[0], nil)
	b.lab.Name, b.lab.Pos = block.Labels[0], posOf(block)
	b.places.lab = block.DefRange()
	b.lab.Client, _ = r.str("client", "")
	b.lab.Description, _ = r.str("description", "")
	if b.lab.Client != "" && !isLine(b.lab.Client) {
		r.fail(r.rangeOf("client"), "Invalid text", "\"client\" of %s is one line of text, without control characters.", r.what)
	}
	if k := r.block("watch"); k != nil {
		b.watch = readWatch(r.inside(k))
	}
}
