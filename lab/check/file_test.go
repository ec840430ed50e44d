package check

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestFile(t *testing.T) {
	dir := tree(t, map[string]string{
		"it's": "free slots\n", "empty": "", "sub/x": "", "bin": "\xff\xfe\x00\x1b[2J",
		"long": strings.Repeat("y", maxText) + "x",
	})
	for link, to := range map[string]string{"link": "it's", "dangling": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "empty"), 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	m := onHost(t, nil)
	at := func(name string) string { return filepath.Join(dir, name) }
	is := func(name string, s lab.FileCheck) *lab.FileCheck {
		s.Path, s.Exists = at(name), true
		return &s
	}
	const sum = "6343d12a2ffcd27f7ba39ef3ffcbf9ff2e9b2b1f7a1ce6ee6ff4d0a3c0cd4dd2"
	rows := []row{
		{"there", is("it's", lab.FileCheck{}), m, true, "DIR/it's"},
		{"absent", is("none", lab.FileCheck{}), m, false, "DIR/none is not there"},
		{"absent as wanted", &lab.FileCheck{Path: at("none")}, m, true, "DIR/none is not there"},
		{"below a file", &lab.FileCheck{Path: at("empty/x")}, m, true, "DIR/empty/x is not there"},
		{"unwanted", &lab.FileCheck{Path: at("sub")}, m, false, "DIR/sub is there, want it absent"},
		{"unwanted link to nothing", &lab.FileCheck{Path: at("dangling")}, m, false, "DIR/dangling is there, want it absent"},
		{"link to nothing", is("dangling", lab.FileCheck{}), m, false, "cannot look at DIR/dangling: stat: cannot statx 'DIR/dangling': No such file or directory"},
		{"types", is("sub", lab.FileCheck{Type: "directory"}), m, true, "DIR/sub: type directory"},
		{"link is followed", is("link", lab.FileCheck{Type: "file", Size: lab.Range{Min: p(11.0), Max: p(11.0)}}), m, true, "DIR/link: type file, size 11 bytes"},
		{"link itself", is("link", lab.FileCheck{Type: "link", Content: lab.Match{Contains: "free"}}), m, true, `DIR/link: type link, content contains "free"`},
		{"no link", is("it's", lab.FileCheck{Type: "link"}), m, false, "type is file, want link"},
		{"mode", is("empty", lab.FileCheck{Mode: "4755"}), m, true, "DIR/empty: mode 4755"},
		{"wrong mode and size", is("it's", lab.FileCheck{Mode: "0644", Size: lab.Range{Max: p(5.0)}}), m, false, "mode is 0600, want 0644; size 11 bytes, want at most 5"},
		{"wrong owner", is("it's", lab.FileCheck{Owner: "no such"}), m, false, "owner is OWNER, want no such"},
		{"content", is("it's", lab.FileCheck{Content: lab.Match{Equals: "free slots"}}), m, true, `DIR/it's: content is "free slots"`},
		{"wrong content", is("it's", lab.FileCheck{Content: lab.Match{Contains: "slot 12"}}), m, false, `content does not contain "slot 12"`},
		{"bytes", is("bin", lab.FileCheck{Content: lab.Match{Contains: "\x00\x1b"}}), m, true, `DIR/bin: content contains "\\x00"`},
		{"part", is("long", lab.FileCheck{Content: lab.Match{NotContains: "x"}}), m, false, `content is known only in its first 1048576 bytes, so that it cannot be said not to contain "x"`},
		{"content of a folder", is("sub", lab.FileCheck{Content: lab.Match{NotContains: "x"}}), m, false, "DIR/sub cannot be read"},
		{"hash of a folder", is("sub", lab.FileCheck{SHA256: sum}), m, false, "sha256 is unknown, want " + sum},
	}
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			res := make1(t, c.spec, c.m, long)
			res.Message = strings.ReplaceAll(res.Message, dir, "DIR")
			if _, rest, ok := strings.Cut(res.Message, "owner is "); ok && !c.passed {
				owner, _, _ := strings.Cut(rest, ", ")
				res.Message = strings.Replace(res.Message, owner, "OWNER", 1)
			}
			want(t, res, c.passed, c.message)
		})
	}
}

func TestFileHash(t *testing.T) {
	const sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	path := filepath.Join(tree(t, map[string]string{"f": ""}), "f")
	m := onHost(t, nil)
	want(t, make1(t, &lab.FileCheck{Path: path, Exists: true, SHA256: strings.ToUpper(sum)}, m, long), true, path+": sha256 "+sum)
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, make1(t, &lab.FileCheck{Path: path, Exists: true, SHA256: sum}, m, long), false,
		"sha256 is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, want "+sum)
}

func TestFileThatCannotBeLookedAt(t *testing.T) {
	m := onHost(t, map[string]string{"stat": `echo "stat: cannot statx '/x': Input/output error"; exit 1`})
	want(t, make1(t, &lab.FileCheck{Path: "/no/such/x"}, m, long), false,
		"cannot tell whether /no/such/x is there: stat: cannot statx '/x': Input/output error")
}

func TestFileOnWindows(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	there := func(more facts) *machine {
		f := facts{"there": "", "kind": "file", "size": "4", "owner": `BUILTIN\Administrators`, "group": `DESK\None`}
		for k, v := range more {
			f[k] = v
		}
		return answers(t, lab.Windows, f)
	}
	is := func(s lab.FileCheck) *lab.FileCheck {
		s.Path, s.Exists = `C:\it's`, true
		return &s
	}
	runRows(t, []row{
		{"there", is(lab.FileCheck{Owner: "Administrators", Type: "file"}), there(nil), true, `C:\it's: type file, owner Administrators`},
		{"wrong owner", is(lab.FileCheck{Owner: "Bob"}), there(nil), false, `owner is BUILTIN\Administrators or Administrators, want Bob`},
		{"UTF-16", is(lab.FileCheck{Content: lab.Match{Equals: "ok"}}), there(facts{"base64": b64("\xff\xfeo\x00k\x00")}), true, `C:\it's: content is "ok"`},
		{"UTF-8 with a mark", is(lab.FileCheck{Content: lab.Match{Equals: "ok"}}), there(facts{"base64": b64("\xef\xbb\xbfok")}), true, `C:\it's: content is "ok"`},
		{"part of UTF-16", is(lab.FileCheck{Content: lab.Match{NotContains: "x"}}), there(facts{"base64": b64("\xff\xfe" + strings.Repeat("y\x00", maxText/2))}), false, `content is known only in its first 524287 bytes, so that it cannot be said not to contain "x"`},
		{"unreadable", is(lab.FileCheck{Content: lab.Match{NotContains: "x"}}), there(nil), false, `C:\it's cannot be read`},
		{"mode", is(lab.FileCheck{Mode: "0644"}), there(nil), false, "files of this system have no mode"},
		{"link", is(lab.FileCheck{Type: "link"}), there(facts{"link": ""}), true, `C:\it's: type link`},
		{"absent", &lab.FileCheck{Path: `C:\x`}, answers(t, lab.Windows, facts{"absent": ""}), true, `C:\x is not there`},
		{"denied", &lab.FileCheck{Path: `C:\x`}, answers(t, lab.Windows, facts{"stat": "Access denied"}), false, `cannot tell whether C:\x is there: Access denied`},
	})
}
