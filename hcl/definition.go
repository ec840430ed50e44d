package hcl

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

// definition is what the files of a lab declare, in the order of the files'
// names and then of the places in them. A second declaration of a name is
// reported and left out.
type definition struct {
	d        *Diagnostics
	blocks   map[string][]*hclsyntax.Block // by type
	first    map[string]hclv2.Range        // by type and name
	locals   []*hclsyntax.Attribute
	doubtful map[string]bool // labels of blocks that cannot be used
}

func newDefinition(d *Diagnostics) *definition {
	return &definition{d: d, blocks: map[string][]*hclsyntax.Block{}, first: map[string]hclv2.Range{}, doubtful: map[string]bool{}}
}

// add takes in a block that has the labels it needs.
func (f *definition) add(b *hclsyntax.Block) {
	switch b.Type {
	case "locals":
		for _, a := range inOrder(b.Body.Attributes) {
			if f.isFirst("local", a.Name, a.NameRange) {
				f.locals = append(f.locals, a)
			}
		}
	case "lab":
		f.addLab(b)
	default:
		f.checkName(b)
		if f.isFirst(b.Type, b.Labels[0], b.DefRange()) {
			f.blocks[b.Type] = append(f.blocks[b.Type], b)
		}
	}
}

// doubt notes a block that cannot be used.
func (f *definition) doubt(b *hclsyntax.Block) {
	f.doubtful[b.Type] = true
	for _, l := range b.Labels {
		f.doubtful[l] = true
	}
}

func (f *definition) addLab(b *hclsyntax.Block) {
	if first, again := f.first["lab"]; again {
		f.d.add(b.DefRange().Ptr(), "Duplicate block", "A definition has one lab block: all files of a directory are one lab.",
			note{also: []hclv2.Range{first}})
		return
	}
	f.first["lab"] = b.DefRange()
	f.checkName(b)
	f.blocks["lab"] = []*hclsyntax.Block{b}
}

// isFirst reports the second declaration of a name with both places.
func (f *definition) isFirst(kind, name string, at hclv2.Range) bool {
	key := kind + " " + name
	first, again := f.first[key]
	if !again {
		f.first[key] = at
		return true
	}
	f.d.add(&at, "Duplicate name", fmt.Sprintf("%s %q is declared a second time: give one of the two another name.", upperFirst(kind), name),
		note{also: []hclv2.Range{first}})
	return false
}

var (
	dnsLabel  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)
)

const (
	maxCheckName  = 200
	checkNameRule = "one line of text, 200 bytes at most"
)

const dnsLabelRule = "lower-case letters, digits and hyphens, 63 at most, with no hyphen at either end"

// checkName reports a label that cannot be the name of its block.
func (f *definition) checkName(b *hclsyntax.Block) {
	name, ok, rule := b.Labels[0], true, ""
	switch b.Type {
	case "lab", "machine", "network":
		ok, rule = dnsLabel.MatchString(name), dnsLabelRule
	case "variable":
		ok, rule = hclsyntax.ValidIdentifier(name), "letters, digits, underscores and hyphens, beginning with a letter"
	case "image", "patch":
		ok, rule = plainName.MatchString(name), "letters, digits, underscores, dots and hyphens, 63 at most, beginning with a letter or digit"
	case "check":
		ok, rule = isLine(name) && len(name) <= maxCheckName, checkNameRule
	}
	if !ok {
		f.d.add(b.LabelRanges[0].Ptr(), "Invalid name", fmt.Sprintf("The name of %s is %s; this is %q.", article(b.Type), rule, name), note{})
	}
}

// isLine reports whether text is one line with something to read in it.
func isLine(text string) bool {
	for _, r := range text {
		if !isPrintable(r) {
			return false
		}
	}
	return text != ""
}

// inOrder returns attributes in the order of their places.
func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	out := make([]*hclsyntax.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.SrcRange.Start.Byte, b.SrcRange.Start.Byte)
	})
	return out
}

// posOf is the place of a block for the model.
func posOf(b *hclsyntax.Block) lab.Pos {
	return lab.Pos{File: b.TypeRange.Filename, Line: b.TypeRange.Start.Line}
}
