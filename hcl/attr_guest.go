package hcl

import (
	"path"
	"regexp"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"

	"github.com/patchlab/patchlab/lab"
)

// Things on machines.

// guestPath reads an absolute path on the machine that the block is about;
// empty when it is a mistake or not there.
func (r *reader) guestPath(name string) string {
	text, ok := r.str(name, "")
	if !ok {
		return ""
	}
	out, _ := r.guestPathOf(name, text, r.rangeOf(name))
	return out
}

// guestPathOf returns a path on a machine without needless parts. Where the
// machine's system is not known, one of either is taken.
func (r *reader) guestPathOf(name, text string, at hclv2.Range) (string, bool) {
	drive := drivePath.MatchString(text)
	want, absolute := `"/srv/app"`, strings.HasPrefix(text, "/")
	if r.os == lab.Windows {
		want, absolute = `"C:\\App"`, drive
	}
	switch {
	case text == "":
		r.fail(at, "Empty value", "%q of %s is empty: it must be a path on the machine, such as %s.", name, r.what, want)
	case !isLine(text):
		r.fail(at, "Invalid path", "%q of %s has characters that cannot be shown.", name, r.what)
	case !absolute && (r.os != "" || !drive):
		r.fail(at, "Path not absolute", "%q of %s must be an absolute path on the machine, such as %s; this is %q.", name, r.what, want, text)
	case strings.HasPrefix(text, "/"):
		return path.Clean(text), true
	default:
		return text, true
	}
	return "", false
}

// matching reads a string of a pattern that want describes; empty when it is a
// mistake or not there.
func (r *reader) matching(name string, pattern *regexp.Regexp, want string) string {
	text, ok := r.str(name, "")
	if ok && !pattern.MatchString(text) {
		r.fail(r.rangeOf(name), "Invalid text", "%q of %s must be %s; this is %q.", name, r.what, want, text)
		return ""
	}
	return text
}

var modePattern = regexp.MustCompile(`^[0-7]{4}$`)

// mode reads the permissions of a file.
func (r *reader) mode(name string) string {
	text, ok := r.str(name, "")
	if ok && !modePattern.MatchString(text) {
		hint := ""
		if padded := "0" + text; modePattern.MatchString(padded) {
			hint = didYouMean(padded)
		}
		r.fail(r.rangeOf(name), "Invalid mode", "%q of %s must be four octal digits, such as \"0640\"; this is %q.%s", name, r.what, text, hint)
		return ""
	}
	return text
}

// optionalLine reads one line of free text; empty when it is not there.
func (r *reader) optionalLine(name string) string {
	text := r.needText(name)
	if strings.TrimSpace(text) != "" && !isLine(text) {
		r.fail(r.rangeOf(name), "Invalid text", "%q of %s must be one line of text, without control characters.", name, r.what)
	}
	return text
}

// onlyOn reports attributes that mean nothing on the machine's system.
func (r *reader) onlyOn(os lab.OS, names ...string) {
	for _, name := range names {
		if r.has(name) && r.os != "" && r.os != os {
			r.fail(r.body.Attributes[name].NameRange, "Wrong system", "%q of %s is for %s; the machine runs %s.", name, r.what, osName(os), osName(r.os))
		}
	}
}

func osName(os lab.OS) string { return upperFirst(string(os)) }

// belongs reports attributes that mean nothing without another.
func (r *reader) belongs(to string, names ...string) {
	if r.has(to) || hasBlock(r.body, to) || r.doubtful() {
		return
	}
	for _, name := range names {
		if a := r.body.Attributes[name]; a != nil {
			r.fail(a.NameRange, "Conflicting attributes", "%q of %s belongs to %q, which it has not.", name, r.what, to)
		}
	}
}

// absent reports assertions about something that, by the attribute said, must
// not be there.
func (r *reader) absent(said string, names ...string) {
	for _, name := range names {
		if a := r.body.Attributes[name]; a != nil {
			r.fail(a.NameRange, "Conflicting attributes", "%q of %s cannot hold together with %s = false.", name, r.what, said)
		}
	}
}
