package hcl

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

const defaultPatchTimeout = 30 * time.Minute

func (b *builder) buildPatch(block *hclsyntax.Block) *lab.Patch {
	r := b.s.reader(block, block.Labels[0], nil)
	p := &lab.Patch{
		Name: block.Labels[0], Pos: posOf(block),
		Files:   r.globs("files"),
		Reboot:  oneOf(r, "reboot", lab.RebootAuto, lab.RebootAuto, lab.RebootAlways, lab.RebootNever),
		Timeout: r.duration("timeout", defaultPatchTimeout),
	}
	r.patchKind(p, block)
	p.Targets = r.machines("targets")
	if v, ok := r.value("targets"); ok && v.IsWhollyKnown() && v.LengthInt() == 0 {
		r.fail(r.rangeOf("targets"), "Patch without a target", "%s is for no machine: \"targets\" must name one.", upperFirst(r.what))
	}
	return p
}

// patchKind infers the kind of p from what it consists of.
func (r *reader) patchKind(p *lab.Patch, block *hclsyntax.Block) {
	if r.has("script") {
		p.Kind = lab.PatchScript
		p.Script, _ = r.path("script")
		p.Args = r.args("args")
		return
	}
	p.Kind = lab.PatchDeb
	if r.has("args") {
		r.fail(r.body.Attributes["args"].NameRange, "Conflicting attributes", "\"args\" of %s belongs to \"script\", which it has not.", r.what)
	}
	if !r.has("files") {
		if r.doubtful() {
			return
		}
		r.fail(block.DefRange(), "Empty patch", "%s consists of nothing: it needs \"files\" or \"script\".", upperFirst(r.what))
		return
	}
	if items, ok := r.items("files", "a list"); ok && len(items) == 0 {
		r.fail(r.rangeOf("files"), "Empty patch", "%s consists of nothing: \"files\" is an empty list.", upperFirst(r.what))
	}
	var strange []string
	for _, f := range p.Files {
		if !strings.HasSuffix(f, ".deb") {
			strange = append(strange, filepath.Base(f))
		}
	}
	if strange != nil {
		r.fail(r.rangeOf("files"), "Unknown kind of patch", "\"files\" of %s holds %s. Without a \"script\" that uses them, every file must be a .deb package.",
			r.what, listed(strange, "and"))
	}
}

// args reads arguments: free text that may be empty.
func (r *reader) args(name string) []string {
	items, _ := r.items(name, `a list of strings, such as ["a", "b"]`)
	var out []string
	for _, i := range items {
		if text, ok := r.freeText(name, i); ok {
			out = append(out, text)
		}
	}
	return out
}
