package hcl

import (
	"fmt"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// symbol is something that expressions refer to by kind and name: var.x,
// local.x, image.x, network.x, machine.x.
type symbol struct {
	kind, name string
	needs      []hclsyntax.Expression // what must be known before compute
	compute    func() cty.Value       // unknown where a mistake was reported; called once
	value      cty.Value
	state      state
	keys       []string // of a machine with for_each: its instances; else nil
	forEach    bool
}

// state is how far a symbol is.
type state int

const (
	untouched state = iota
	busy            // its needs are being resolved
	done            // value is set
)

func (y *symbol) String() string { return y.kind + "." + y.name }

// declare makes a symbol known.
func (s *scope) declare(y *symbol) {
	if s.symbols[y.kind] == nil {
		s.symbols[y.kind] = map[string]*symbol{}
	}
	s.symbols[y.kind][y.name] = y
	s.order = append(s.order, y)
}

// resolveAll computes every symbol.
func (s *scope) resolveAll() {
	for _, y := range s.order {
		s.resolve(y)
	}
}

// resolve computes y after everything it refers to. References in a circle are
// reported, once, and y is then unknown.
func (s *scope) resolve(y *symbol) {
	if y.state != untouched {
		return
	}
	y.state = busy
	s.path = append(s.path, y)
	circular := false
	for _, e := range y.needs {
		for _, t := range e.Variables() {
			if target := s.find(t); target != nil && target.state == busy {
				s.reportCircle(target, t.SourceRange())
				circular = true
			} else if target != nil {
				s.resolve(target)
			}
		}
	}
	y.value = cty.DynamicVal
	if !circular {
		y.value = y.compute()
	}
	s.path = s.path[:len(s.path)-1]
	y.state = done
}

// reportCircle reports the circle that the reference at a place to a symbol on
// the path closes.
func (s *scope) reportCircle(y *symbol, at hclv2.Range) {
	i := len(s.path) - 1
	for s.path[i] != y {
		i--
	}
	var names []string
	for _, p := range append(s.path[i:len(s.path):len(s.path)], y) {
		names = append(names, p.String())
	}
	s.d.add(&at, "Circular reference", fmt.Sprintf("These need each other's values, so that none can be computed: %s.",
		strings.Join(names, " → ")), note{})
}

// find returns the symbol that t refers to, or nil.
func (s *scope) find(t hclv2.Traversal) *symbol {
	name, _ := stepName(t, 1)
	return s.symbols[t.RootName()][name]
}

// stepName returns the name at step i of t, written as .name or ["name"].
func stepName(t hclv2.Traversal, i int) (string, bool) {
	if i >= len(t) {
		return "", false
	}
	switch step := t[i].(type) {
	case hclv2.TraverseAttr:
		return step.Name, true
	case hclv2.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			return step.Key.AsString(), true
		}
	}
	return "", false
}
