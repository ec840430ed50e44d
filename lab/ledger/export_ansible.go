package ledger

import (
	"bytes"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/patchlab/patchlab/lab"
)

// ansibleVars are the variables of a playbook.
type ansibleVars struct {
	Lab       ansibleText    `yaml:"patchlab_lab"`
	Generated ansibleText    `yaml:"patchlab_generated"` // RFC 3339, UTC
	Approved  []ansiblePatch `yaml:"patchlab_approved"`
}

// ansiblePatch has either Run or ApprovedBy.
type ansiblePatch struct {
	Name       ansibleText   `yaml:"name"`
	Kind       ansibleText   `yaml:"kind"`
	SHA256     ansibleText   `yaml:"sha256"`
	Run        ansibleText   `yaml:"run,omitempty"`
	ApprovedBy ansibleText   `yaml:"approved_by,omitempty"`
	Time       ansibleText   `yaml:"time"`            // RFC 3339, UTC: of the run or the approval
	Until      ansibleText   `yaml:"until,omitempty"` // RFC 3339, UTC
	Files      []ansibleFile `yaml:"files"`
}

type ansibleFile struct {
	Name    ansibleText `yaml:"name"`
	SHA256  ansibleText `yaml:"sha256"`
	Size    int64       `yaml:"size"` // bytes
	Package ansibleText `yaml:"package,omitempty"`
	Version ansibleText `yaml:"version,omitempty"`
	Arch    ansibleText `yaml:"arch,omitempty"`
}

// ansibleText is a string that Ansible takes as it stands. Its YAML is older
// than Go's: without quotes the version 1:30 would be a number. And text with
// braces would be a template that Ansible evaluates, and run what it says, had
// it not the tag !unsafe.
type ansibleText string

// template matches where Jinja begins to read a text as its own.
var template = regexp.MustCompile(`\{[{%#]`)

// MarshalYAML makes a quoted string of one line.
func (s ansibleText) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: lab.Printable(string(s), 0)}
	if template.MatchString(node.Value) {
		node.Tag, node.Style = "!unsafe", yaml.DoubleQuotedStyle|yaml.TaggedStyle
	}
	return node, nil
}

// writeAnsible writes a file of variables, as for group_vars.
func writeAnsible(out *bytes.Buffer, s approvedSet) error {
	vars := ansibleVars{Lab: ansibleText(s.lab), Generated: ansibleText(rfc3339(s.at)), Approved: []ansiblePatch{}}
	for _, e := range s.entries {
		p := ansiblePatch{
			Name: ansibleText(e.Patch.Name), Kind: ansibleText(e.Patch.Kind), SHA256: ansibleText(e.Patch.SHA256),
			Time: ansibleText(rfc3339(timeOf(&e))), Until: ansibleText(rfc3339(endOf(e))), Files: []ansibleFile{},
		}
		if e.Kind == Run {
			p.Run = ansibleText(e.Run.ID)
		} else {
			p.ApprovedBy = ansibleText(deciders(&e))
		}
		for _, f := range filesOut(e) {
			p.Files = append(p.Files, ansibleFile{
				Name: ansibleText(f.Name), SHA256: ansibleText(f.SHA256), Size: f.Size,
				Package: ansibleText(f.Package), Version: ansibleText(f.Version), Arch: ansibleText(f.Arch),
			})
		}
		vars.Approved = append(vars.Approved, p)
	}
	comment(out, s.heading()...)
	comment(out, "Compare each file's SHA-256 before it is installed: versions alone do not tell the bytes.")
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	if err := enc.Encode(vars); err != nil {
		return err
	}
	return enc.Close()
}
