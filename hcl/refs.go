package hcl

import (
	"fmt"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
)

// roots are the words that a reference can begin with.
func roots() []string {
	return []string{"var", "local", "machine", "network", "image", "each", "path"}
}

// attributesOf says what a reference to a kind of block offers.
func attributesOf(kind string) []string {
	switch kind {
	case "machine":
		return []string{"name", "address"}
	case "network":
		return []string{"name", "subnet", "gateway", "domain"}
	case "image":
		return []string{"name"}
	}
	return nil
}

// checkRef reports whether t refers to something. It says so where it does
// not.
func (s *scope) checkRef(t hclv2.Traversal, in *each) bool {
	switch root := t.RootName(); root {
	case "each":
		return s.checkEach(t, in)
	case "path":
		return s.checkMember(t, []string{"lab"})
	case "var", "local", "machine", "network", "image":
		return s.checkSymbol(t)
	default:
		detail := fmt.Sprintf("There is no %q: a reference begins with %s.%s", root, listed(roots(), "or"), suggest(root, roots()))
		if len(t) == 1 {
			detail += fmt.Sprintf(" Text is written in quotes: %q.", root)
		}
		return s.refError(t.SourceRange(), "Unknown reference", detail)
	}
}

func (s *scope) checkEach(t hclv2.Traversal, in *each) bool {
	if in == nil {
		return s.refError(t.SourceRange(), "Unknown reference",
			"each.key and each.value are known in blocks that have for_each, and this one has none.")
	}
	return s.checkMember(t, []string{"key", "value"})
}

// checkMember reports whether the second step of t is one of names.
func (s *scope) checkMember(t hclv2.Traversal, names []string) bool {
	name, ok := stepName(t, 1)
	for _, n := range names {
		if ok && n == name {
			return true
		}
	}
	root := t.RootName()
	return s.refError(t.SourceRange(), "Unknown reference",
		fmt.Sprintf("There is %s.%s alone, not %s.%s", root, strings.Join(names, " and "+root+"."), spelled(t), suggest(name, names)))
}

func (s *scope) checkSymbol(t hclv2.Traversal) bool {
	kind := t.RootName()
	name, ok := stepName(t, 1)
	if !ok {
		return s.refError(t.SourceRange(), "Unknown reference", fmt.Sprintf("%q is followed by a name, as in %s.NAME.", kind, kind))
	}
	y := s.symbols[kind][name]
	if y == nil {
		if s.doubtful[name] {
			return false
		}
		names := sortedKeys(s.symbols[kind])
		near := s.elsewhere(kind, name)
		if n := nearest(name, names); n != "" {
			near = didYouMean(kind + "." + n)
		}
		if near == "" && len(names) > 0 {
			near = fmt.Sprintf(" There is %s.", listed(names, "and"))
		}
		return s.refError(t.SourceRange(), "Unknown reference", fmt.Sprintf("No %s %q is declared.%s", kindName(kind), name, near))
	}
	if y.forEach {
		return s.checkInstance(y, t)
	}
	return s.checkTail(y, t, 2)
}

// elsewhere suggests another kind that has the name.
func (s *scope) elsewhere(kind, name string) string {
	for _, other := range roots() {
		if other != kind && s.symbols[other][name] != nil {
			return didYouMean(other + "." + name)
		}
	}
	return ""
}

// checkInstance checks what follows the name of a machine with for_each.
func (s *scope) checkInstance(y *symbol, t hclv2.Traversal) bool {
	key, ok := stepName(t, 2)
	if !ok || y.keys == nil { // all of them, a computed key, or a for_each that is itself wrong
		return true
	}
	for _, k := range y.keys {
		if k == key {
			return s.checkTail(y, t, 3)
		}
	}
	detail := fmt.Sprintf("Machine %q has for_each, with the keys %s: one of its machines is %s[\"KEY\"].%s",
		y.name, listed(y.keys, "and"), y, suggest(key, y.keys))
	return s.refError(t.SourceRange(), "Unknown reference", detail)
}

// checkTail checks the attribute at step i of t.
func (s *scope) checkTail(y *symbol, t hclv2.Traversal, i int) bool {
	names := attributesOf(y.kind)
	if names == nil || i >= len(t) {
		return true
	}
	name, ok := stepName(t, i)
	for _, n := range names {
		if ok && n == name {
			return s.checkAddress(y, t, name)
		}
	}
	return s.refError(t.SourceRange(), "Unknown reference",
		fmt.Sprintf("A %s offers %s, not %q.%s", y.kind, listed(names, "and"), name, suggest(name, names)))
}

// checkAddress reports a reference to the address of a machine that has none
// declared.
func (s *scope) checkAddress(y *symbol, t hclv2.Traversal, name string) bool {
	if y.kind != "machine" || name != "address" || y.state != done || !y.value.IsKnown() {
		return true
	}
	m := y.value
	if y.forEach {
		key, _ := stepName(t, 2)
		m = m.GetAttr(key)
	}
	if a := m.GetAttr("address"); !a.IsKnown() || !a.IsNull() {
		return true
	}
	target := strings.TrimSuffix(spelled(t), ".address")
	return s.refError(t.SourceRange(), "No declared address", fmt.Sprintf(
		"The first nic of %s gets its address by DHCP, so that it is not known here: declare one there, or use %s.name.", target, target))
}

func (s *scope) refError(at hclv2.Range, summary, detail string) bool {
	s.d.add(&at, summary, detail, note{})
	return false
}

func kindName(kind string) string {
	if kind == "var" {
		return "variable"
	}
	return kind
}

// spelled returns t as it stands in the definition, for messages.
func spelled(t hclv2.Traversal) string {
	var b strings.Builder
	b.WriteString(t.RootName())
	for i := 1; i < len(t); i++ {
		name, ok := stepName(t, i)
		switch _, attr := t[i].(hclv2.TraverseAttr); {
		case attr:
			b.WriteString("." + name)
		case ok:
			fmt.Fprintf(&b, "[%q]", name)
		default:
			b.WriteString("[…]")
		}
	}
	return b.String()
}
