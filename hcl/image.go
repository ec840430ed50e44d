package hcl

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchlab/patchlab/lab"
)

const (
	minDiskMiB     = 1 << 10 // a bootable system does not fit into less
	maxDiskMiB     = 64 << 20
	defaultDiskMiB = 4 << 10
)

var (
	sha256Pattern  = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)
	packagePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	releasePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)
)

// declareImages makes image.NAME known for each image block, and adds the
// images to the lab.
func (b *builder) declareImages(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		i := &lab.Image{Name: block.Labels[0], Pos: posOf(block)}
		b.lab.Images = append(b.lab.Images, i)
		b.s.declare(&symbol{
			kind: "image", name: i.Name, needs: expressions(block.Body),
			compute: func() cty.Value {
				b.readImage(i, block)
				return cty.ObjectVal(map[string]cty.Value{
					"name": cty.StringVal(i.Name), refAttr: cty.CapsuleVal(imageType, i),
				})
			},
		})
	}
}

// expressions returns those of every attribute in a body and its blocks.
func expressions(body *hclsyntax.Body) []hclsyntax.Expression {
	var out []hclsyntax.Expression
	for _, a := range inOrder(body.Attributes) {
		out = append(out, a.Expr)
	}
	for _, b := range body.Blocks {
		out = append(out, expressions(b.Body)...)
	}
	return out
}

func (b *builder) readImage(i *lab.Image, block *hclsyntax.Block) {
	r := b.s.reader(block, i.Name, nil)
	i.OS = oneOf(r, "os", lab.Linux, lab.Linux, lab.Windows)
	build := r.block("build")
	switch {
	case build == nil && !r.has("source") && r.doubtful():
	case build == nil && !r.has("source"):
		r.fail(block.DefRange(), "Image from nothing", "%s needs either a build block or \"source\", the path of a disk.", upperFirst(r.what))
	case build != nil && r.has("source"):
		r.fail(block.Body.Attributes["source"].NameRange, "Conflicting attributes", "%s has a build block and \"source\": one of them is enough.", upperFirst(r.what))
	case build != nil:
		i.Build = readBuild(r.inside(build))
		r.onlyWithSource("sha256")
		if i.OS != lab.Linux {
			r.fail(r.rangeOf("os"), "Conflicting attributes", "%s has a build block, which makes Linux systems alone.", upperFirst(r.what))
		}
	default:
		i.Source, _ = r.path("source")
		i.SHA256 = r.sha256("sha256")
	}
}

func (r *reader) onlyWithSource(name string) {
	if r.has(name) {
		r.fail(r.body.Attributes[name].NameRange, "Conflicting attributes", "%q of %s belongs to \"source\", not to a build block.", name, r.what)
	}
}

func (r *reader) sha256(name string) string {
	text, ok := r.str(name, "")
	if ok && !sha256Pattern.MatchString(text) {
		r.fail(r.rangeOf(name), "Invalid SHA-256", "%q of %s must be 64 hexadecimal digits; this has %d characters: %q.", name, r.what, len(text), text)
		return ""
	}
	return strings.ToLower(text)
}

func readBuild(r *reader) *lab.Build {
	out := &lab.Build{
		Distro:  oneOf(r, "distro", "", "debian"),
		DiskMiB: r.size("disk_size", minDiskMiB, maxDiskMiB, defaultDiskMiB),
		Pockets: r.pockets("pockets"),
	}
	var ok bool
	if out.Release, ok = r.str("release", ""); ok && !releasePattern.MatchString(out.Release) {
		r.fail(r.rangeOf("release"), "Invalid name", "\"release\" of %s is a code name such as \"bookworm\"; this is %q.", r.what, out.Release)
	}
	for _, i := range r.strs("packages") {
		if !packagePattern.MatchString(i.text()) {
			r.fail(i.at, "Invalid name", "%q, in \"packages\" of %s, cannot be the name of a package.", i.text(), r.what)
			continue
		}
		out.Packages = append(out.Packages, i.text())
	}
	slices.Sort(out.Packages)
	out.Packages = slices.Compact(out.Packages)
	return out
}

// pockets reads the parts of the archive that an image is built from.
func (r *reader) pockets(name string) []string {
	known := []string{"release", "updates", "security"}
	if !r.has(name) {
		return known[:1]
	}
	asked := map[string]bool{}
	items := r.strs(name)
	for _, i := range items {
		if !slices.Contains(known, i.text()) {
			r.fail(i.at, "Unknown value", "%q of %s holds %s; this is %q.%s", name, r.what, listed(known, "and"), i.text(), suggest(i.text(), known))
		}
		asked[i.text()] = true
	}
	if len(items) > 0 && !asked["release"] {
		r.fail(r.rangeOf(name), "Missing pocket", "%q of %s must hold \"release\": the others only add to it.", name, r.what)
	}
	if len(items) == 0 {
		return known[:1]
	}
	return slices.DeleteFunc(known, func(k string) bool { return !asked[k] })
}
