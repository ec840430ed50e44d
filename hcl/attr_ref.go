package hcl

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"
)

// ref reads a reference to a block of type T. Want says which, for messages:
// "image.NAME".
func ref[T any](r *reader, name, want string) *T {
	v, ok := r.plain(name)
	if !ok {
		return nil
	}
	if target, ok := refTarget(v).(*T); ok {
		return target
	}
	hint := ""
	if v.Type() == cty.String {
		hint = r.unquoted(v.AsString(), want)
	}
	r.fail(r.rangeOf(name), "Wrong type", "%q of %s must be a reference such as %s; this is %s.%s", name, r.what, want, describe(v), hint)
	return nil
}

// unquoted suggests the reference that text in quotes may stand for.
func (r *reader) unquoted(text, want string) string {
	for _, kind := range []string{"machine", "network", "image"} {
		for _, name := range []string{text, trimKind(text, kind)} {
			if r.s.symbols[kind][name] != nil && (name != text || trimKind(want, kind) != want) {
				return fmt.Sprintf(" Did you mean %s.%s, without quotes?", kind, name)
			}
		}
	}
	return ""
}

func trimKind(text, kind string) string {
	if len(text) > len(kind)+1 && text[:len(kind)+1] == kind+"." {
		return text[len(kind)+1:]
	}
	return text
}
