package hcl

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/patchlab/patchlab/lab"
)

// SuggestedCheck is a check to be written into a definition.
type SuggestedCheck struct {
	Comment string // why it is there, above it; empty: nothing. It may have several lines
	Check   *lab.Check
}

// WriteChecks writes checks as the blocks of a definition, in the layout of
// Format: loaded with the lab that they are of, they are equal to what was
// written. Attributes with their default are left out. Passwords are written
// as they are. Texts may be whatever a machine answered: they are escaped.
//
// It fails for a check that the language has no words for: one without a name
// of one line, one that asserts nothing, or one with a private key, which a
// definition names by its file; nothing is written then. To know whether a
// machine is one of a for_each it reads the file of the machine's Pos.
func WriteChecks(w io.Writer, checks []SuggestedCheck) error {
	var text bytes.Buffer
	refs := references{}
	for i, c := range checks {
		if i > 0 {
			text.WriteByte('\n')
		}
		if err := writeCheck(&text, c, refs); err != nil {
			return fmt.Errorf("cannot write check %q: %w", c.Check.Name, err)
		}
	}
	if _, err := w.Write(hclwrite.Format(text.Bytes())); err != nil {
		return fmt.Errorf("cannot write the checks: %w", err)
	}
	return nil
}

func writeCheck(text *bytes.Buffer, s SuggestedCheck, refs references) error {
	c := s.Check
	if !isLine(c.Name) || len(c.Name) > maxCheckName {
		return fmt.Errorf("its name must be %s", checkNameRule)
	}
	from, err := refs.from(c)
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(strings.TrimSpace(s.Comment), "\n") {
		if s.Comment != "" {
			text.WriteString(strings.TrimRight("# "+printable(line), " ") + "\n")
		}
	}
	out := &blockWriter{text: text}
	out.open("check " + quoted(c.Name))
	out.attr("from", from)
	out.duration("timeout", c.Timeout, defaultCheckTimeout)
	if c.Retries != defaultRetries {
		out.attr("retries", fmt.Sprint(c.Retries))
	}
	out.duration("interval", c.Interval, defaultCheckInterval)
	out.str("severity", string(c.Severity), string(lab.Critical))
	text.WriteByte('\n')
	out.spec(c.Spec)
	out.close()
	return out.err
}

// references are how machines are referred to, by name.
type references map[string]string

// from is the reference to where a check is made from.
func (refs references) from(c *lab.Check) (string, error) {
	switch {
	case c.From == nil && c.FromNet == nil:
		return "", fmt.Errorf("it is made from nowhere")
	case c.From == nil:
		return reference("network", c.FromNet.Name), nil
	}
	name := c.From.Name
	if refs[name] == "" {
		ref, err := machineReference(c.From)
		if err != nil {
			return "", err
		}
		refs[name] = ref
	}
	return refs[name], nil
}

func reference(kind, name string) string {
	if hclsyntax.ValidIdentifier(name) {
		return kind + "." + name
	}
	return kind + "[" + quoted(name) + "]"
}

// machineReference is the reference to m: where its block has for_each,
// machine.BLOCK["KEY"].
func machineReference(m *lab.Machine) (string, error) {
	plain := reference("machine", m.Name)
	if m.Pos.Line == 0 {
		return plain, nil
	}
	src, err := read(m.Pos.File)
	if err != nil {
		return "", fmt.Errorf("cannot find out how machine %q is referred to: %w", m.Name, err)
	}
	body, ok := newDiagnostics().parse(m.Pos.File, src)
	if !ok {
		return "", fmt.Errorf("cannot find out how machine %q is referred to: %s has changed and has mistakes", m.Name, m.Pos.File)
	}
	for _, b := range body.Blocks {
		if b.Type != "machine" || len(b.Labels) != 1 || b.TypeRange.Start.Line != m.Pos.Line || b.Body.Attributes["for_each"] == nil {
			continue
		}
		if key, ok := strings.CutPrefix(m.Name, b.Labels[0]+"-"); ok {
			return reference("machine", b.Labels[0]) + "[" + quoted(key) + "]", nil
		}
	}
	return plain, nil
}

// shortDuration writes a duration without parts that are zero.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return cmp.Or(text, "0s")
}
