package hcl

import (
	"cmp"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
)

// Diagnostics are the mistakes in a definition, sorted by place, with what is
// needed to show them. As an error it prints them all.
type Diagnostics struct {
	list    []*hclv2.Diagnostic
	sources map[string][]byte // by file name as in the diagnostics
	secrets secrets
	seen    map[string]bool
}

// Diagnostic is one mistake, for programs.
type Diagnostic struct {
	File    string `json:"file,omitempty"` // as the user would type it; empty when the mistake is in no file
	Line    int    `json:"line,omitempty"` // 1-based
	Column  int    `json:"column,omitempty"`
	Summary string `json:"summary"` // one of a fixed set
	Detail  string `json:"detail"`
}

// note is what a diagnostic carries beside hclv2's own fields.
type note struct {
	also     []hclv2.Range // further places to show, such as the first of two
	instance bool          // from one of many instances of a block: once for each place is enough
}

func newDiagnostics() *Diagnostics {
	return &Diagnostics{sources: map[string][]byte{}, seen: map[string]bool{}}
}

// HasErrors reports whether there is any mistake.
func (d *Diagnostics) HasErrors() bool { return len(d.list) > 0 }

// All returns the mistakes in order, without sensitive values.
func (d *Diagnostics) All() []Diagnostic {
	out := make([]Diagnostic, 0, len(d.list))
	for _, g := range d.list {
		one := Diagnostic{Summary: g.Summary, Detail: d.secrets.redact(g.Detail)}
		if g.Subject != nil {
			one.File, one.Line, one.Column = g.Subject.Filename, g.Subject.Start.Line, g.Subject.Start.Column
		}
		out = append(out, one)
	}
	return out
}

// Error returns all mistakes as plain text.
func (d *Diagnostics) Error() string {
	var b strings.Builder
	_ = d.Write(&b, 0, false) // a Builder takes everything
	return strings.TrimRight(b.String(), "\n")
}

// add reports a mistake at a place; a nil place stands for the whole
// definition.
func (d *Diagnostics) add(at *hclv2.Range, summary, detail string, n note) {
	d.put(&hclv2.Diagnostic{Severity: hclv2.DiagError, Summary: summary, Detail: detail, Subject: at, Extra: n})
}

// put reports a mistake unless it was reported before.
func (d *Diagnostics) put(g *hclv2.Diagnostic) {
	key := g.Summary
	if g.Subject != nil {
		key = g.Subject.String() + " " + g.Subject.Filename + " " + key
	}
	n, _ := g.Extra.(note)
	if !n.instance {
		key += " " + g.Detail
	}
	if !d.seen[key] {
		d.seen[key] = true
		d.list = append(d.list, g)
	}
}

// sort puts the mistakes in the order of their places.
func (d *Diagnostics) sort() {
	place := func(g *hclv2.Diagnostic) (string, hclv2.Pos) {
		if g.Subject == nil {
			return "", hclv2.Pos{}
		}
		return g.Subject.Filename, g.Subject.Start
	}
	slices.SortStableFunc(d.list, func(a, b *hclv2.Diagnostic) int {
		af, ap := place(a)
		bf, bp := place(b)
		return cmp.Or(cmp.Compare(af, bf), cmp.Compare(ap.Byte, bp.Byte),
			cmp.Compare(a.Summary, b.Summary), cmp.Compare(a.Detail, b.Detail))
	})
}
