package hcl

import (
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

const (
	defaultCheckTimeout  = 30 * time.Second
	defaultCheckInterval = 2 * time.Second
	defaultRetries       = 2
	maxRetries           = 1000
)

// buildChecks adds the check of a block, or those of its for_each, to the lab.
func (b *builder) buildChecks(block *hclsyntax.Block) {
	a := block.Body.Attributes["for_each"]
	if a == nil {
		b.buildCheck(block, block.Labels[0], nil)
		return
	}
	elements, _ := b.s.expand(a)
	for _, e := range elements {
		name := fmt.Sprintf("%s [%s]", block.Labels[0], e.key)
		if !isLine(name) {
			b.d.add(a.Expr.Range().Ptr(), "Invalid name", fmt.Sprintf("The key %q has characters that cannot be shown.", e.key), note{})
			continue
		}
		b.buildCheck(block, name, &e)
	}
}

func (b *builder) buildCheck(block *hclsyntax.Block, name string, in *each) {
	r := b.s.reader(block, name, in)
	c := &lab.Check{
		Name: name, Pos: posOf(block),
		Timeout:  r.duration("timeout", defaultCheckTimeout),
		Retries:  r.number("retries", 0, maxRetries, defaultRetries),
		Interval: r.duration("interval", defaultCheckInterval),
		Severity: oneOf(r, "severity", lab.Critical, lab.Critical, lab.Warning),
	}
	b.lab.Checks = append(b.lab.Checks, c)
	b.places.checks[c] = written{block.DefRange(), in != nil}
	kind := r.checkKind(block)
	b.readFrom(r, c, kind)
	r.checkSystem(kind)
	if kind != nil {
		c.Spec = b.s.kinds[kind.Type].read(r.inside(kind))
	}
}

// checkKind returns the one block that says what is asserted; nil when that is
// a mistake.
func (r *reader) checkKind(block *hclsyntax.Block) *hclsyntax.Block {
	var found []*hclsyntax.Block
	types := map[string]bool{}
	for _, k := range block.Body.Blocks {
		if _, ok := r.s.kinds[k.Type]; ok && !types[k.Type] {
			found = append(found, k)
		}
		types[k.Type] = true
	}
	switch {
	case len(found) == 1:
		return found[0]
	case len(found) > 1:
		hint := ""
		if !r.s.kinds[found[0].Type].alone && !r.s.kinds[found[1].Type].alone {
			hint = ", or put both into an all block"
		}
		r.fail(found[1].TypeRange, "Two kinds of check", "%s asserts one thing: it has %s block and %s block. Make two checks of it%s.",
			upperFirst(r.what), article(found[0].Type), article(found[1].Type), hint)
	case len(types) == 0 && !r.doubtful(): // otherwise there is a mistyped one, which was reported
		r.fail(block.DefRange(), "Empty check", "%s asserts nothing: it needs one of the blocks %s.", upperFirst(r.what), listed(kindNames(), "or"))
	}
	return nil
}
