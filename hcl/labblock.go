package hcl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
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
	if k := r.block("retention"); k != nil {
		b.lab.Retain = readRetention(r.inside(k))
	}
}

// The most that a retention block can say: what is more is a mistake, and
// "for ever" is to leave the block out.
const (
	maxRetainRuns = 100_000
	maxRetainDays = 36_500
)

// readRetention reads how long runs are kept: at least one limit.
func readRetention(r *reader) *lab.Retention {
	if !r.has("runs") && !r.has("days") && !r.doubtful() {
		r.fail(r.self.DefRange(), "Empty block", "The %s says nothing: it takes \"runs\", \"days\" or both. Without the block, runs are kept as gc is told.", r.what)
	}
	return &lab.Retention{Runs: r.number("runs", 1, maxRetainRuns, 0), Days: r.number("days", 1, maxRetainDays, 0)}
}
