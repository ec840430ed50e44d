package check

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// mount is one line of /proc/self/mountinfo.
type mount struct {
	path, source, kind string
	options            []string // of the mount and of its file system
}

// mountCheck looks at what is mounted on a path: the last one, where several
// lie on each other.
func mountCheck(ctx context.Context, s *lab.MountCheck, at place) finding {
	script := "fact mounts; cat /proc/self/mountinfo"
	if strings.HasPrefix(s.Source, "/dev/") { // may be a link, as those by UUID are
		script += "\nfact device; readlink -f -- " + guest.Quote(s.Source)
	}
	got, f := at.ask(ctx, scripts{lab.Linux: script})
	if !f.passed() {
		return f
	}
	all := parseMounts(got["mounts"])
	if len(all) == 0 {
		f.fault("%s does not tell what is mounted", at.name)
		return f
	}
	var top *mount
	for i, m := range all {
		if m.path == path.Clean(s.Path) {
			top = &all[i]
		}
	}
	if top == nil {
		f.fault("nothing is mounted on %s", s.Path)
		return f
	}
	f.evidence = ""
	f.seen = top.source + " is mounted on " + s.Path
	if s.Source != "" && top.source != s.Source && (got["device"] == "" || top.source != strings.TrimSpace(got["device"])) {
		f.fault("source is %s, want %s", top.source, s.Source)
	}
	f.expectText("type", s.Type, top.kind)
	f.expectOptions(s.Options, top.options)
	return f
}

// expectOptions adds the options that are missing. What is mounted read-only,
// or whose file system is, can not be written.
func (f *finding) expectOptions(want, got []string) {
	for _, o := range want {
		if !slices.Contains(got, o) || o == "rw" && slices.Contains(got, "ro") {
			f.fault("options are %s, want %s", strings.Join(got, ","), o)
			continue
		}
		f.seen += ", " + o
	}
}

// parseMounts reads mountinfo: number, parent, device, root, path, options,
// optional fields, "-", type, source, options of the file system.
func parseMounts(text string) (all []mount) {
	for line := range strings.Lines(text) {
		w := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		dash := slices.Index(w, "-")
		if dash < 6 || len(w) < dash+4 {
			continue
		}
		m := mount{path: unescapeOctal(w[4]), kind: unescapeOctal(w[dash+1]), source: unescapeOctal(w[dash+2])}
		for _, o := range append(strings.Split(w[5], ","), strings.Split(unescapeOctal(w[dash+3]), ",")...) {
			if !slices.Contains(m.options, o) {
				m.options = append(m.options, o)
			}
		}
		all = append(all, m)
	}
	return all
}

// unescapeOctal undoes the kernel's escapes of white space: \040.
func unescapeOctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
