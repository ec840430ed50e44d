package hcl

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

// fileKinds are the kinds of patches by the extension of their files.
func fileKinds() map[string]lab.PatchKind {
	return map[string]lab.PatchKind{
		".deb": lab.PatchDeb, ".rpm": lab.PatchRPM, ".msu": lab.PatchMSU, ".cab": lab.PatchCAB,
		".msp": lab.PatchMSP, ".msi": lab.PatchMSI, ".exe": lab.PatchEXE,
	}
}

// severalFiles are the kinds that can have more than one file.
func severalFiles() []lab.PatchKind {
	return []lab.PatchKind{lab.PatchDeb, lab.PatchRPM, lab.PatchMSU}
}

// fileKind is the kind of a patch of files, by their names; empty when that
// is not clear. What is in them is looked at before a run.
func (r *reader) fileKind(files []string) lab.PatchKind {
	const rule = "Without a \"script\" that uses them, the files of a patch are all .deb, all .rpm or all .msu, or one .cab, .msi, .msp or .exe."
	if items, ok := r.items("files", wantList); ok && len(items) == 0 {
		r.fail(r.rangeOf("files"), "Empty patch", "%s consists of nothing: \"files\" is an empty list.", upperFirst(r.what))
	}
	kinds, strange, found := fileKinds(), []string{}, []string{}
	for _, f := range files {
		ext := strings.ToLower(filepath.Ext(f))
		if kinds[ext] == "" {
			strange = append(strange, filepath.Base(f))
		} else if !slices.Contains(found, ext) {
			found = append(found, ext)
		}
	}
	switch {
	case len(strange) > 0:
		r.fail(r.rangeOf("files"), "Unknown kind of patch", "\"files\" of %s holds %s. "+rule, r.what, listed(strange, "and"))
	case len(found) > 1:
		slices.Sort(found)
		r.fail(r.rangeOf("files"), "Unknown kind of patch", "\"files\" of %s holds files of several kinds: %s. "+rule, r.what, listed(found, "and"))
	case len(found) == 1 && len(files) > 1 && !slices.Contains(severalFiles(), kinds[found[0]]):
		r.fail(r.rangeOf("files"), "Too many files", "\"files\" of %s holds %d files of the kind %s, of which a patch has one. Make several patches of it.", r.what, len(files), found[0])
	}
	if len(found) == 1 { // also where others are strange: what does not go with it is wrong too
		return kinds[found[0]]
	}
	return ""
}

var (
	aptPackage = regexp.MustCompile(`^([a-z0-9][a-z0-9+.-]*)(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?$`)
	rpmPackage = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9+._-]*)(=[A-Za-z0-9.+:~^_-]+)?$`)
)

// packageNames reads names of packages, each with a version if that matters.
// Apt's can have an architecture, "libc6:amd64"; of RPMs it is a part of the
// name, "glibc.x86_64".
func (r *reader) packageNames(name string) []string {
	if all, ok := r.items(name, wantList); ok && len(all) == 0 {
		r.fail(r.rangeOf(name), "Empty patch", "%s consists of nothing: %q is an empty list.", upperFirst(r.what), name)
	}
	pattern, example := aptPackage, `"openssl", "libc6:amd64" or "apache2=2.4.62-1"`
	if manager, ok := r.str("manager", ""); ok && (manager == "dnf" || manager == "zypper") {
		pattern, example = rpmPackage, `"openssl", "glibc.x86_64" or "httpd=2.4.57-8.el9"`
	}
	var out []string
	seen := map[string]bool{}
	for _, i := range r.strs(name) {
		whole := strings.SplitN(i.text(), "=", 2)[0]
		switch {
		case !pattern.MatchString(i.text()) || strings.HasSuffix(i.text(), "-"): // which apt takes for "remove it"
			r.fail(i.at, "Invalid name", "%q, in %q of %s, must be the name of a package, such as %s.", i.text(), name, r.what, example)
		case seen[whole]:
			r.fail(i.at, "Duplicate name", "The package %q stands twice in %q of %s.", whole, name, r.what)
		default:
			seen[whole] = true
			out = append(out, i.text())
		}
	}
	return out
}

var (
	ownerPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$`)
	parentFolder = regexp.MustCompile(`(^|[\\/])\.\.?([\\/]|$)`)
)

// replacement reads a replace block of p.
func (r *reader) replacement(p *lab.Patch, block *hclsyntax.Block) (lab.Replacement, bool) {
	if len(block.Labels) != 1 {
		return lab.Replacement{}, false // reported with the structure
	}
	in := r.inside(block)
	out := lab.Replacement{
		Dest: block.Labels[0], Mode: in.mode("mode"),
		Owner: in.matching("owner", ownerPattern, `a user, or user and group, such as "root:www-data"`),
	}
	out.Source, _ = in.path("source")
	at := block.LabelRanges[0]
	if r.destination(out.Dest, p.Targets, at) && slices.ContainsFunc(p.Replace, func(o lab.Replacement) bool { return o.Dest == out.Dest }) {
		r.fail(at, "Duplicate destination", "%q is replaced twice by %s.", out.Dest, r.what)
	}
	for _, m := range p.Targets {
		if m.Image != nil {
			in.os = m.Image.OS
			in.onlyOn(lab.Linux, "owner", "mode")
		}
	}
	return out, true
}

// destination reports whether a file can have a path on every target.
func (r *reader) destination(dest string, targets []*lab.Machine, at hclv2.Range) bool {
	drive := drivePath.MatchString(dest)
	switch {
	case !isLine(dest) || !drive && !strings.HasPrefix(dest, "/"):
		r.fail(at, "Path not absolute", "The label of a replace block of %s must be an absolute path on the machine, such as \"/etc/app.conf\"; this is %q.", r.what, dest)
		return false
	case strings.HasSuffix(dest, "/") || strings.HasSuffix(dest, `\`):
		r.fail(at, "Path of a directory", "%q, which %s replaces, is a directory: name the file.", dest, r.what)
		return false
	case parentFolder.MatchString(dest) || !drive && path.Clean(dest) != dest:
		hint := ""
		if !drive {
			hint = didYouMean(path.Clean(dest))
		}
		r.fail(at, "Invalid path", "%q, which %s replaces, must be written without needless parts.%s", dest, r.what, hint)
		return false
	}
	for _, m := range targets {
		if m.Image != nil && drive != (m.Image.OS == lab.Windows) {
			r.fail(at, "Wrong system", "%q, which %s replaces, cannot be a path on machine %q, which runs %s.", dest, r.what, m.Name, osName(m.Image.OS))
			return false
		}
	}
	return true
}

// nameRange is where an attribute's name or a block's type is written.
func nameRange(n hclsyntax.Node) hclv2.Range {
	switch n := n.(type) {
	case *hclsyntax.Attribute:
		return n.NameRange
	case *hclsyntax.Block:
		return n.TypeRange
	}
	return n.Range()
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}
