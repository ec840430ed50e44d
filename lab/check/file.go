package check

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// fileState is what a machine says of a file.
type fileState struct {
	kind         string // "file", "directory", "link" or "special file"
	mode         string // four octal digits; empty on Windows
	size         int64
	owner, group []string // name and number
}

// fileCheck looks at a file or folder. Links are followed, but for one that is
// wanted to be a link: then its own facts count, and the content behind it.
func fileCheck(ctx context.Context, s *lab.FileCheck, at place) finding {
	got, f := at.ask(ctx, scripts{lab.Linux: linuxFile(s), lab.Windows: windowsFile(s)})
	if !f.passed() {
		return f
	}
	switch there := got.has("there"); {
	case !there && !got.has("absent"):
		f.fault("cannot tell whether %s is there%s", s.Path, after(lastLine([]byte(got["stat"]))))
	case !there && s.Exists:
		f.fault("%s is not there", s.Path)
	case !there:
		f.seen = s.Path + " is not there"
	case !s.Exists:
		f.fault("%s is there, want it absent", s.Path)
	default:
		f.seen = s.Path
		f.judgeFile(s, got, at.os)
		f.seen = strings.Replace(f.seen, ", ", ": ", 1)
	}
	return f
}

func (f *finding) judgeFile(s *lab.FileCheck, got facts, os lab.OS) {
	st, ok := got.unixFile()
	if os == lab.Windows {
		st, ok = got.windowsFile(s.Type)
	}
	if !ok {
		f.fault("cannot look at %s%s", s.Path, after(lastLine([]byte(got["stat"]))))
		return
	}
	f.expectText("type", s.Type, st.kind)
	if s.Mode != "" && st.mode == "" {
		f.fault("files of this system have no mode")
	} else {
		f.expectText("mode", s.Mode, st.mode)
	}
	f.expectText("owner", s.Owner, st.owner...)
	f.expectText("group", s.Group, st.group...)
	f.expectNumber("size", s.Size, float64(st.size), "bytes")
	if s.SHA256 != "" {
		sum, _, _ := strings.Cut(strings.TrimSpace(got["sha256"]), " ")
		f.expectText("sha256", strings.ToLower(s.SHA256), strings.ToLower(orDefault(sum, "unknown")))
	}
	if s.Content.IsZero() {
		return
	}
	content, cut, ok := got.content()
	if !ok {
		f.fault("%s cannot be read", s.Path)
		return
	}
	f.expect("content", s.Content, content, cut)
}

// expectText adds to f what is wrong with a fact that has one or several
// names; an empty want asserts nothing.
func (f *finding) expectText(what, want string, got ...string) {
	switch {
	case want == "":
	case slices.Contains(got, want):
		f.seen += ", " + what + " " + want
	default:
		f.fault("%s is %s, want %s", what, strings.Join(got, " or "), want)
	}
}

// linuxFile asks for the content only where it is asserted, and only that of
// regular files: reading others may not end.
func linuxFile(s *lab.FileCheck) string {
	follow := "-L "
	if s.Type == "link" {
		follow = ""
	}
	script := "p=" + guest.Quote(s.Path) + `
if [ -e "$p" ] || [ -L "$p" ]; then
fact there
fact stat
stat ` + follow + "-c '%f\n%s\n%u\n%g\n%U\n%G'" + ` -- "$p" 2>&1
`
	if s.SHA256 != "" {
		script += `fact sha256; [ -f "$p" ] && sha256sum <"$p"` + "\n"
	}
	if !s.Content.IsZero() {
		script += fmt.Sprintf("fact content; [ -f \"$p\" ] && head -c %d <\"$p\" || fact unreadable\n", maxText+1)
	}
	return script + `else
said=$(stat -c %f -- "$p" 2>&1)
case $said in *": No such file or directory"|*": Not a directory") fact absent ;; esac
fact stat; printf '%s\n' "$said"
fi`
}

// unixFile reads the answer of stat: mode in hex, size, numbers and names of
// owner and group, one a line.
func (f facts) unixFile() (st fileState, ok bool) {
	w := strings.Split(strings.TrimSuffix(f["stat"], "\n"), "\n")
	if len(w) != 6 {
		return st, false
	}
	mode, err := strconv.ParseUint(w[0], 16, 32)
	size, serr := strconv.ParseInt(w[1], 10, 64)
	if err != nil || serr != nil {
		return st, false
	}
	st = fileState{kind: "special file", mode: fmt.Sprintf("%04o", mode&0o7777), size: size}
	switch mode & 0o170000 {
	case 0o100000:
		st.kind = "file"
	case 0o040000:
		st.kind = "directory"
	case 0o120000:
		st.kind = "link"
	}
	st.owner, st.group = []string{w[4], w[2]}, []string{w[5], w[3]}
	return st, true
}

// content is the first 1 MiB of a file; cut when there is more; not ok when it
// could not be read. Text of Windows in UTF-16 becomes UTF-8.
func (f facts) content() (text []byte, cut, ok bool) {
	b := []byte(f["content"])
	ok = f.has("content") && !f.has("unreadable")
	if f.has("base64") {
		var err error
		b, err = base64.StdEncoding.DecodeString(f["base64"])
		ok = err == nil
	}
	cut = len(b) > maxText
	b = b[:min(len(b), maxText)]
	if f.has("base64") {
		b = withoutUTF16(b)
	}
	return b, cut, ok
}
