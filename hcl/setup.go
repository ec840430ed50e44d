package hcl

import (
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

const defaultSetupTimeout = 10 * time.Minute

var drivePath = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

func readSetup(r *reader, block *hclsyntax.Block, m *lab.Machine) *lab.Setup {
	s := &lab.Setup{Pos: posOf(block), Timeout: r.duration("timeout", defaultSetupTimeout)}
	if !r.has("upload") && !r.has("run") && !r.doubtful() {
		r.fail(block.DefRange(), "Empty block", "The %s does nothing: it takes \"upload\", \"run\" or both.", r.what)
	}
	items, _ := r.entries("upload", `a map from files of the lab to paths on the machine, such as { "files/a" = "/root/a" }`)
	taken := map[string]string{}
	for _, i := range items {
		if u, ok := r.upload(i, m); ok {
			if first, again := taken[u.Dest]; again {
				r.fail(i.at, "Duplicate destination", "%q and %q, in \"upload\" of %s, are both copied to %q.", first, i.key, r.what, u.Dest)
			}
			taken[u.Dest] = i.key
			s.Uploads = append(s.Uploads, u)
		}
	}
	s.Run = r.texts("run")
	return s
}

// upload reads one entry of an upload map.
func (r *reader) upload(i item, m *lab.Machine) (lab.Upload, bool) {
	if !r.usable("upload", i) || !r.shown("upload", i) {
		return lab.Upload{}, false
	}
	source, ok := r.file("upload", i.key, i.at)
	dest, isText := scalarText(i.value)
	windows := m.Image != nil && m.Image.OS == lab.Windows
	switch {
	case !isText:
		r.wrongType("upload", i.at, "a map from paths to paths", i.value)
		return lab.Upload{}, false
	case !strings.HasPrefix(dest, "/") && (!windows || !drivePath.MatchString(dest)):
		r.fail(i.at, "Path not absolute", "%q, in \"upload\" of %s, must be an absolute path on the machine, such as \"/root/%s\".", dest, r.what, strings.TrimLeft(dest, "./"))
		return lab.Upload{}, false
	case strings.HasSuffix(dest, "/") || strings.HasSuffix(dest, `\`) && windows:
		r.fail(i.at, "Path of a directory", "%q, in \"upload\" of %s, is a directory: name the file, as in %q.", dest, r.what, dest+i.key[strings.LastIndexByte(i.key, '/')+1:])
		return lab.Upload{}, false
	case strings.ContainsRune(dest, 0):
		r.fail(i.at, "Invalid path", "%q, in \"upload\" of %s, has a zero byte.", dest, r.what)
		return lab.Upload{}, false
	}
	return lab.Upload{Source: source, Dest: dest}, ok
}
