package hcl

import (
	"bytes"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// hugeNumber finds the first number with an exponent of four or more digits.
// Numbers are exact: to calculate with such a one, or to print it, takes
// minutes. Text of that form, as in a hash, is none.
func hugeNumber(src []byte) (hclv2.Range, bool) {
	if !hasHugeExponent(src) {
		return hclv2.Range{}, false
	}
	tokens, _ := hclsyntax.LexConfig(src, "", hclv2.InitialPos)
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenNumberLit && hasHugeExponent(t.Bytes) {
			return t.Range, true
		}
	}
	return hclv2.Range{}, false
}

// hasHugeExponent reports whether text holds something like 1e1000.
func hasHugeExponent(text []byte) bool {
	for i, c := range text {
		if c|0x20 != 'e' || i == 0 || !isDigit(text[i-1]) && text[i-1] != '.' {
			continue
		}
		exponent := bytes.TrimLeft(text[i+1:], "+-")
		n := 0
		for n < len(exponent) && n < 4 && isDigit(exponent[n]) {
			n++
		}
		if n == 4 {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
