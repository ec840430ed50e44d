package hcl

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

const defaultPatchTimeout = 30 * time.Minute

func (b *builder) buildPatch(block *hclsyntax.Block) *lab.Patch {
	r := b.s.reader(block, block.Labels[0], nil)
	p := &lab.Patch{
		Name: block.Labels[0], Pos: posOf(block),
		Targets: r.machines("targets"),
		Reboot:  oneOf(r, "reboot", lab.RebootAuto, lab.RebootAuto, lab.RebootAlways, lab.RebootNever),
		Timeout: r.duration("timeout", defaultPatchTimeout),
	}
	if v, ok := r.value("targets"); ok && v.IsWhollyKnown() && v.LengthInt() == 0 {
		r.fail(r.rangeOf("targets"), "Patch without a target", "%s is for no machine: \"targets\" must name one.", upperFirst(r.what))
	}
	r.patchContent(p)
	r.patchOptions(p)
	r.checkTargets(p)
	return p
}

// content is one of the things that a patch can consist of.
type content struct {
	name string
	at   hclsyntax.Node
}

// patchContent reads what p consists of, and so its kind. With a script, files
// are what it is given.
func (r *reader) patchContent(p *lab.Patch) {
	p.Files = r.globs("files")
	p.Packages = r.packageNames("packages")
	if r.has("script") {
		p.Script, _ = r.path("script")
	}
	for _, k := range r.blocks("replace") {
		if in, ok := r.replacement(p, k); ok {
			p.Replace = append(p.Replace, in)
		}
	}
	var found []content
	for _, name := range []string{"script", "files", "packages"} {
		if r.has(name) && (name != "files" || !r.has("script")) {
			found = append(found, content{name, r.body.Attributes[name]})
		}
	}
	if k := r.block("replace"); k != nil {
		found = append(found, content{"replace", k})
	}
	switch {
	case len(found) == 0 && !r.doubtful():
		r.fail(r.self.DefRange(), "Empty patch", "%s consists of nothing: it needs \"files\", \"packages\", \"script\" or replace blocks.", upperFirst(r.what))
	case len(found) > 1:
		var names []string
		for _, c := range found {
			names = append(names, c.name)
		}
		r.fail(nameRange(found[1].at), "Conflicting attributes", "%s consists of one thing: it has %s. Make several patches of it.", upperFirst(r.what), listed(names, "and"))
	case len(found) == 1:
		p.Kind = r.patchKind(found[0].name, p.Files)
	}
	if len(found) != 1 || found[0].name != "packages" {
		r.belongs("packages", "manager")
	}
}

// patchKind is the kind of a patch that consists of one thing; empty when that
// is a mistake.
func (r *reader) patchKind(consists string, files []string) lab.PatchKind {
	switch consists {
	case "script":
		return lab.PatchScript
	case "replace":
		return lab.PatchFile
	case "packages":
		return oneOf(r, "manager", lab.PatchApt, lab.PatchApt, lab.PatchDNF, lab.PatchZypper)
	}
	return r.fileKind(files)
}

// patchOptions reads what goes with what p consists of.
func (r *reader) patchOptions(p *lab.Patch) {
	p.Args = r.args("args")
	p.Interpreter = r.interpreter("interpreter")
	p.Confirm = r.needText("confirm")
	for _, i := range r.strs("restart") {
		if !unitPattern.MatchString(i.text()) {
			r.fail(i.at, "Invalid name", "%q, in \"restart\" of %s, must be the name of a service, such as \"apache2\".", i.text(), r.what)
		}
		p.Restart = append(p.Restart, i.text())
	}
	p.Bundle = r.bundle(p)
	p.VerifyReboot = r.boolean("verify_reboot", true)
	if p.Reboot == lab.RebootNever {
		if r.has("verify_reboot") && p.VerifyReboot {
			r.fail(r.body.Attributes["verify_reboot"].NameRange, "Conflicting attributes", "%s has reboot = \"never\": verify_reboot cannot be true.", upperFirst(r.what))
		}
		p.VerifyReboot = false
	}
	r.checkOptions(p)
	if k := r.block("backout"); k != nil {
		p.Backout = readBackout(r.inside(k), p)
	}
	if k := r.block("expect"); k != nil {
		p.Expect = readExpect(r.inside(k))
	}
}

// optionKinds says for which kinds of patches an attribute is.
func optionKinds() map[string][]lab.PatchKind {
	return map[string][]lab.PatchKind{
		"args":        {lab.PatchScript, lab.PatchEXE, lab.PatchMSI, lab.PatchMSP},
		"interpreter": {lab.PatchScript},
		"confirm":     {lab.PatchScript, lab.PatchEXE},
		"restart":     {lab.PatchFile},
		"bundle":      {lab.PatchApt, lab.PatchDNF, lab.PatchZypper, lab.PatchDeb, lab.PatchRPM},
	}
}

// checkOptions reports attributes that p's kind has no use for.
func (r *reader) checkOptions(p *lab.Patch) {
	options := optionKinds()
	for _, name := range sortedKeys(options) {
		if r.has(name) && p.Kind != "" && !slices.Contains(options[name], p.Kind) {
			r.fail(r.body.Attributes[name].NameRange, "Conflicting attributes", "%q of %s is for patches of the kind %s; this one is of the kind %q.",
				name, r.what, listed(texts(options[name]), "or"), p.Kind)
		}
	}
}

// texts are words as strings.
func texts[T ~string](words []T) []string {
	var out []string
	for _, w := range words {
		out = append(out, string(w))
	}
	return out
}

// args reads arguments: free text that may be empty.
func (r *reader) args(name string) []string {
	items, _ := r.items(name, wantList)
	var out []string
	for _, i := range items {
		if text, ok := r.freeText(name, i); ok {
			out = append(out, text)
		}
	}
	return out
}

// interpreter reads what runs a script: a program and its arguments.
func (r *reader) interpreter(name string) []string {
	items, ok := r.items(name, wantList)
	if !ok {
		return nil
	}
	out := r.args(name)
	if len(items) == 0 || len(out) > 0 && !isLine(out[0]) {
		r.fail(r.rangeOf(name), "Empty value", "%q of %s must begin with a program, such as [\"python3\"].", name, r.what)
	}
	return out
}

// bundle reads the folder of p's packages. It need not be there yet: what is
// to be in it depends on the machines.
func (r *reader) bundle(p *lab.Patch) string {
	text, ok := r.str("bundle", "")
	switch {
	case !r.has("bundle") && len(p.Packages) > 0:
		return filepath.Join(r.s.dir, "bundles", p.Name)
	case !ok:
		return ""
	case text == "":
		r.fail(r.rangeOf("bundle"), "Empty value", "\"bundle\" of %s is empty: it must be the path of a folder.", r.what)
		return ""
	}
	path := r.absolute(text)
	if isFile(path) {
		r.fail(r.rangeOf("bundle"), "Not a folder", "\"bundle\" of %s must be a folder that `patchlab bundle` makes; %q is a file.", r.what, text)
	}
	return path
}
