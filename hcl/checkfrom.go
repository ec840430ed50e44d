package hcl

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

// readFrom reads where a check is made from: a machine, a network's gateway,
// or by default the gateway of the first network. What is about a machine is
// made from one.
func (b *builder) readFrom(r *reader, c *lab.Check, kind *hclsyntax.Block) {
	about := r.aboutMachine(kind)
	if !r.has("from") {
		if about != nil {
			r.fail(about.TypeRange, "Check from nowhere", "%s has %s block, which is about a machine: it needs from = machine.NAME.", upperFirst(r.what), article(about.Type))
		} else if len(b.lab.Networks) > 0 {
			c.FromNet = b.lab.Networks[0]
		}
		return
	}
	v, ok := r.plain("from")
	if !ok {
		return
	}
	const want = "a reference such as machine.NAME or network.NAME"
	at := r.rangeOf("from")
	switch target := refTarget(v).(type) {
	case *lab.Machine:
		c.From = target
		if target.Image != nil {
			r.os = target.Image.OS
		}
	case *lab.Network:
		c.FromNet = target
		if about != nil {
			r.fail(at, "Check from nowhere", "%s has %s block, which is about a machine, not a network: it needs from = machine.NAME.", upperFirst(r.what), article(about.Type))
		}
	default:
		hint := ""
		if text, isText := scalarText(v); isText {
			hint = r.unquoted(text, "machine.NAME")
			if hint == "" {
				hint = r.unquoted(text, "network.NAME")
			}
		}
		r.fail(at, "Wrong type", "\"from\" of %s must be %s; this is %s.%s", r.what, want, describe(v), hint)
	}
}

// single returns the blocks that each assert one thing: those of an any or all
// block, or kind itself.
func (r *reader) single(kind *hclsyntax.Block) []*hclsyntax.Block {
	switch {
	case kind == nil:
		return nil
	case kind.Type == "any" || kind.Type == "all":
		return r.inside(kind).members()
	}
	return []*hclsyntax.Block{kind}
}

// aboutMachine returns the first block of a check that is about the machine it
// is made from; nil when there is none.
func (r *reader) aboutMachine(kind *hclsyntax.Block) *hclsyntax.Block {
	for _, k := range r.single(kind) {
		if r.s.kinds[k.Type].on != anywhere || k.Type == "performance" && k.Body.Attributes["run"] != nil {
			return k
		}
	}
	return nil
}

// checkSystem reports blocks that the machine's system has nothing for.
func (r *reader) checkSystem(kind *hclsyntax.Block) {
	for _, k := range r.single(kind) {
		want := map[place]lab.OS{onLinux: lab.Linux, onWindows: lab.Windows}[r.s.kinds[k.Type].on]
		if want != "" && r.os != "" && r.os != want {
			r.fail(k.TypeRange, "Wrong system", "%s has %s block, which is about %s; the machine it is made from runs %s.",
				upperFirst(r.what), article(k.Type), osName(want), osName(r.os))
		}
	}
}
