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
	if kind != nil {
		c.Spec = readSpec(r.inside(kind), kind)
	}
}

func checkKinds() []string { return []string{"command", "tcp", "http", "service", "dns"} }

// checkKind returns the one block that says what is asserted; nil when that is
// a mistake.
func (r *reader) checkKind(block *hclsyntax.Block) *hclsyntax.Block {
	var found []*hclsyntax.Block
	types := map[string]bool{}
	for _, kind := range checkKinds() {
		if k := r.block(kind); k != nil {
			found = append(found, k)
		}
	}
	for _, k := range block.Body.Blocks {
		types[k.Type] = true
	}
	switch {
	case len(found) == 1:
		return found[0]
	case len(found) > 1:
		r.fail(found[1].TypeRange, "Two kinds of check", "%s asserts one thing: it has a %s block and a %s block. Make two checks of it.",
			upperFirst(r.what), found[0].Type, found[1].Type)
	case len(types) == 0 && !r.doubtful(): // otherwise there is a mistyped one, which was reported
		r.fail(block.DefRange(), "Empty check", "%s asserts nothing: it needs one of the blocks %s.", upperFirst(r.what), listed(checkKinds(), "or"))
	}
	return nil
}

// readFrom reads where a check is made from: a machine, a network's gateway,
// or by default the gateway of the first network. Commands and services are
// on machines.
func (b *builder) readFrom(r *reader, c *lab.Check, kind *hclsyntax.Block) {
	onMachine := kind != nil && (kind.Type == "command" || kind.Type == "service")
	if !r.has("from") {
		if onMachine {
			r.fail(kind.TypeRange, "Check from nowhere", "%s has a %s block, which is about a machine: it needs from = machine.NAME.", upperFirst(r.what), kind.Type)
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
	case *lab.Network:
		c.FromNet = target
		if onMachine {
			r.fail(at, "Check from nowhere", "%s has a %s block, which is about a machine, not a network: it needs from = machine.NAME.", upperFirst(r.what), kind.Type)
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
