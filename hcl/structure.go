package hcl

import (
	"fmt"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// checkFile reports what does not belong at the top of a file, and in its
// blocks. It returns the blocks that can be used, and the others, in order.
func (d *Diagnostics) checkFile(body *hclsyntax.Body) (usable, broken []*hclsyntax.Block) {
	lang := language()
	kinds := sortedKeys(lang)
	for _, name := range sortedKeys(body.Attributes) {
		detail := fmt.Sprintf("%q stands outside of any block; a definition consists of blocks: %s.%s", name, listed(kinds, "and"), suggest(name, kinds))
		d.add(body.Attributes[name].NameRange.Ptr(), "Attribute outside of a block",
			detail+" Values of variables belong in a file that does not end in .hcl, given by --var-file.", note{})
	}
	for _, b := range body.Blocks {
		top, ok := lang[b.Type]
		if !ok {
			detail := fmt.Sprintf("There is no block %q; a definition consists of %s.", b.Type, listed(kinds, "and"))
			d.add(b.TypeRange.Ptr(), "Unknown block", detail+suggest(b.Type, kinds), note{})
			broken = append(broken, b)
			continue
		}
		if d.checkLabels(b, top) {
			usable = append(usable, b)
			d.checkBody(b.Type, b, top.body)
		} else {
			broken = append(broken, b)
		}
	}
	return usable, broken
}

// checkLabels reports whether b has the labels that its type takes.
func (d *Diagnostics) checkLabels(b *hclsyntax.Block, top topLevel) bool {
	want := 1
	if top.label == "" {
		want = 0
	}
	switch {
	case len(b.Labels) > want && want == 0:
		d.add(b.LabelRanges[0].Ptr(), "Wrong number of labels", fmt.Sprintf("%s block has no label.", upperFirst(article(b.Type))), note{})
	case len(b.Labels) > want:
		d.add(b.LabelRanges[1].Ptr(), "Wrong number of labels",
			fmt.Sprintf("%s block has one label, its %s; this one has %d.", upperFirst(article(b.Type)), top.label, len(b.Labels)), note{})
	case len(b.Labels) < want:
		d.add(b.TypeRange.Ptr(), "Wrong number of labels",
			fmt.Sprintf("%s block needs a %s: %s \"…\" { … }.", upperFirst(article(b.Type)), top.label, b.Type), note{})
	default:
		return true
	}
	return false
}

// checkBody reports unknown, missing and repeated parts of a block.
func (d *Diagnostics) checkBody(what string, b *hclsyntax.Block, s *schema) {
	if s.open {
		for _, k := range b.Body.Blocks {
			d.add(k.TypeRange.Ptr(), "Unknown block", fmt.Sprintf("%s block holds attributes alone: %s = …", upperFirst(article(what)), k.Type), note{})
		}
		return
	}
	blocks := sortedKeys(s.blocks)
	for _, name := range sortedKeys(b.Body.Attributes) {
		if !slices.Contains(s.attrs, name) {
			d.unknownAttribute(what, b.Body.Attributes[name], s.attrs, blocks)
		}
	}
	first := map[string]*hclsyntax.Block{}
	for _, k := range b.Body.Blocks {
		n, ok := s.blocks[k.Type]
		switch {
		case !ok:
			d.unknownBlock(what, k, s, blocks)
			continue
		case len(k.Labels) > 0 && n.label == "":
			d.add(k.LabelRanges[0].Ptr(), "Wrong number of labels", fmt.Sprintf("%s block inside %s has no label.", upperFirst(article(k.Type)), article(what)), note{})
		case n.label != "" && !d.checkLabels(k, topLevel{n.label, n.body}):
		case !n.many && first[k.Type] != nil:
			d.add(k.TypeRange.Ptr(), "Duplicate block", fmt.Sprintf("%s block has at most one %s block.", upperFirst(article(what)), k.Type),
				note{also: []hclv2.Range{first[k.Type].TypeRange}})
			continue
		}
		if first[k.Type] == nil {
			first[k.Type] = k
		}
		d.checkBody(k.Type, k, n.body)
	}
	d.checkNeeded(what, b, s)
}

func (d *Diagnostics) checkNeeded(what string, b *hclsyntax.Block, s *schema) {
	for _, name := range s.needed {
		if b.Body.Attributes[name] == nil && !hasBlock(b.Body, name) && !mistyped(b.Body, name, s) {
			d.add(b.DefRange().Ptr(), "Missing attribute", fmt.Sprintf("%s block needs the attribute %q.", upperFirst(article(what)), name), note{})
		}
	}
}

func (d *Diagnostics) unknownAttribute(what string, a *hclsyntax.Attribute, attrs, blocks []string) {
	if slices.Contains(blocks, a.Name) {
		d.add(a.NameRange.Ptr(), "Block expected", fmt.Sprintf("%q is a block, not an attribute: write %s { … } without \"=\".", a.Name, a.Name), note{})
		return
	}
	d.add(a.NameRange.Ptr(), "Unknown attribute",
		fmt.Sprintf("%s block has no attribute %q.%s", upperFirst(article(what)), a.Name, known(a.Name, attrs, blocks)), note{})
}

func (d *Diagnostics) unknownBlock(what string, b *hclsyntax.Block, s *schema, blocks []string) {
	switch {
	case slices.Contains(s.attrs, b.Type):
		d.add(b.TypeRange.Ptr(), "Attribute expected", fmt.Sprintf("%q is an attribute, not a block: write %s = …", b.Type, b.Type), note{})
		return
	case slices.Contains(s.apart, b.Type):
		d.add(b.TypeRange.Ptr(), "Block in the wrong place",
			fmt.Sprintf("%s block cannot hold %s block: make a check of its own of that.", upperFirst(article(what)), article(b.Type)), note{})
		return
	}
	d.add(b.TypeRange.Ptr(), "Unknown block",
		fmt.Sprintf("%s block has no block %q.%s", upperFirst(article(what)), b.Type, known(b.Type, s.attrs, blocks)), note{})
}

// known suggests a name or, when none is near, lists them.
func known(given string, attrs, blocks []string) string {
	if s := suggest(given, slices.Concat(attrs, blocks)); s != "" {
		return s
	}
	var parts []string
	if len(attrs) > 0 {
		parts = append(parts, "the "+plural("attribute", attrs)+" "+listed(attrs, "and"))
	}
	if len(blocks) > 0 {
		parts = append(parts, "the "+plural("block", blocks)+" "+listed(blocks, "and"))
	}
	if parts == nil {
		return ""
	}
	return " It has " + strings.Join(parts, " and ") + "."
}

func plural(word string, of []string) string {
	if len(of) == 1 {
		return word
	}
	return word + "s"
}

// mistyped reports whether body has an unknown attribute that was likely meant
// to be the named one.
func mistyped(body *hclsyntax.Body, name string, s *schema) bool {
	for given := range body.Attributes {
		if !slices.Contains(s.attrs, given) && nearest(given, s.attrs) == name {
			return true
		}
	}
	return false
}

// doubtful reports whether anything in the block is unknown: what seems to be
// missing may then be a mistyped name, which was reported.
func (r *reader) doubtful() bool {
	for name := range r.body.Attributes {
		if !slices.Contains(r.schema.attrs, name) {
			return true
		}
	}
	return slices.ContainsFunc(r.body.Blocks, func(b *hclsyntax.Block) bool {
		_, ok := r.schema.blocks[b.Type]
		return !ok
	})
}

func hasBlock(body *hclsyntax.Body, kind string) bool {
	return slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == kind })
}

// sortedKeys returns the keys of m in order, for messages and for going
// through m the same way each time.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
