package patch

import (
	"context"
	"io"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// parrot is a machine that answers every question with the same.
type parrot struct {
	lab.Guest
	text string
}

func (p parrot) Machine() *lab.Machine {
	return &lab.Machine{Name: "pc", Image: &lab.Image{OS: lab.Windows}}
}

func (p parrot) Run(_ context.Context, c lab.Command) (lab.Output, error) {
	if c.Stdout != nil {
		_, _ = io.WriteString(c.Stdout, p.text)
	}
	return lab.Output{}, nil
}

// FuzzWindowsAnswers has what a machine says of its packages and programs
// read, compared and put into messages.
func FuzzWindowsAnswers(f *testing.F) {
	for _, s := range []string{updateIn, appFixed, exeAdded, aboutTwo, aboutFix, "end\t-1", "\t\t\n", "package\n", "product\t\x1b[2J"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		j := Applier{}.job(&lab.Patch{Name: "p", Kind: lab.PatchMSU, Files: []string{"/x/kb1234567.msu"}}, parrot{text: text}, nil, nil)
		s, err := j.servicing(t.Context())
		if err != nil {
			return // too much of it
		}
		o := j.judgeUpdate(lab.PatchOutcome{Status: lab.Applied}, servicing{}, s)
		for _, c := range o.Packages {
			if lab.Printable(c.Name+c.To, 1000) != c.Name+c.To {
				t.Errorf("%q", c)
			}
		}
		_ = s.missing(s.added(servicing{}))
		p, err := j.products(t.Context())
		if err != nil {
			t.Error(err)
		}
		for _, c := range p.changes(products{}) {
			if lab.Printable(c.Name+c.To, 1000) != c.Name+c.To {
				t.Errorf("%q", c)
			}
		}
		if code, targets, _ := j.aboutPatch(t.Context(), "x"); code != "" {
			_ = notApplied(targetsOf(code, targets, p), p)
		}
		_ = programChanges(products{}, p)
		_, _ = parseEnd(text)
		_ = windowsCause(text)
	})
}
