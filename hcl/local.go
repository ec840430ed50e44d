package hcl

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// declareLocals makes local.NAME known for each attribute of locals blocks.
func (s *scope) declareLocals(attrs []*hclsyntax.Attribute) {
	for _, a := range attrs {
		s.declare(&symbol{
			kind: "local", name: a.Name,
			needs: []hclsyntax.Expression{a.Expr},
			compute: func() cty.Value {
				v := s.eval(a.Expr, nil)
				if isSensitive(v) {
					s.d.secrets.add(v) // also what is only a part of other text later
				}
				return v
			},
		})
	}
}
