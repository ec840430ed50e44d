package hcl

import (
	"fmt"
	"os"
	"path/filepath"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// read reads a file of at most maxFile bytes.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes: the most is %d", path, info.Size(), maxFile)
	}
	return os.ReadFile(filepath.Clean(path))
}

// parse reads one file's syntax and keeps its source for the snippets. It
// reports whether the file can be used.
func (d *Diagnostics) parse(name string, src []byte) (*hclsyntax.Body, bool) {
	d.sources[name] = src
	if at, ok := tooDeep(src); ok {
		r := point(name, at)
		d.add(&r, "Nested too deeply", fmt.Sprintf("Blocks, brackets and operators may stand inside each other %d levels deep.", maxDepth), note{})
		return nil, false
	}
	if r, ok := hugeNumber(src); ok {
		r.Filename = name
		d.add(&r, "Number out of range", "The exponent of a number has at most three digits.", note{})
		return nil, false
	}
	if body, ok := parseParts(src, name); ok {
		return body, true
	}
	file, diags := hclsyntax.ParseConfig(src, name, hclv2.InitialPos)
	lines := map[int]bool{}
	for _, g := range diags {
		if g.Subject != nil && lines[g.Subject.Start.Line] {
			continue // the parser stumbles again over the same mistake
		}
		if g.Subject != nil {
			lines[g.Subject.Start.Line] = true
		}
		d.put(&hclv2.Diagnostic{Severity: hclv2.DiagError, Summary: g.Summary, Detail: g.Detail, Subject: g.Subject})
	}
	if diags.HasErrors() {
		return nil, false
	}
	return file.Body.(*hclsyntax.Body), true
}

const (
	// maxDepth is how deep expressions may nest. The parser is recursive:
	// without a limit, a file could end the process by exhausting its stack.
	maxDepth = 250
	// maxOpenings is how many bytes that may nest a file can have before its
	// depth is worth measuring: the parser's stack holds several times that.
	maxOpenings = 30_000
)

// tooDeep finds the place from which src nests deeper than maxDepth, in files
// that are large enough for it to matter: splitting into tokens takes most of
// the time of parsing.
func tooDeep(src []byte) (hclv2.Pos, bool) {
	n := 0
	for _, c := range src {
		switch c {
		case '(', '[', '{', '!', '-', '?':
			n++
		}
	}
	if n <= maxOpenings {
		return hclv2.Pos{}, false
	}
	tokens, _ := hclsyntax.LexConfig(src, "", hclv2.InitialPos)
	return deepToken(tokens)
}

// deepToken finds the first token below more than maxDepth brackets and
// operators. An operator counts until the bracket around it closes or, outside
// of brackets, its line ends.
func deepToken(tokens hclsyntax.Tokens) (hclv2.Pos, bool) {
	operators := []int{0} // for each open bracket, how many stand directly in it
	total := 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOParen, hclsyntax.TokenOBrack,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			operators = append(operators, 0)
			total++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCParen, hclsyntax.TokenCBrack,
			hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if last := len(operators) - 1; last > 0 {
				total -= operators[last] + 1
				operators = operators[:last]
			}
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			operators[len(operators)-1]++
			total++
		case hclsyntax.TokenNewline, hclsyntax.TokenComma:
			total -= operators[len(operators)-1]
			operators[len(operators)-1] = 0
		}
		if total > maxDepth {
			return t.Range.Start, true
		}
	}
	return hclv2.Pos{}, false
}
