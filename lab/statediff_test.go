package lab_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
)

type items = map[string]string

// compared is the difference of one kind's items, one line each.
func compared(kind lab.StateKind, before, after items) []string {
	var lines []string
	for _, c := range lab.CompareStates("web",
		&lab.State{Items: map[lab.StateKind]map[string]string{kind: before}},
		&lab.State{Items: map[lab.StateKind]map[string]string{kind: after}}) {
		lines = append(lines, c.String())
	}
	return lines
}

func TestCompareStates(t *testing.T) {
	for _, c := range []struct {
		kind          lab.StateKind
		before, after items
		want          []string
	}{
		{lab.StatePackage, items{"a:amd64": "1", "apache2:amd64": "2.4.57-2", "gone:all": "3"}, items{"a:amd64": "1", "apache2:amd64": "2.4.62-1", "n:all": "4"}, []string{
			"package apache2:amd64: 2.4.57-2 → 2.4.62-1", "package gone:all: gone (3)", "package n:all: new (4)",
		}},
		{lab.StateService, items{"apache2.service": "active enabled"}, items{"apache2.service": "inactive disabled"}, []string{"service apache2.service: active enabled → inactive disabled"}},
		{lab.StatePort, items{"tcp 0.0.0.0:80": "apache2"}, items{}, []string{"port tcp 0.0.0.0:80: gone (apache2)"}},
		{lab.StateFailed, items{"a.service": "failed"}, items{"b.service": "failed"}, []string{"failed-unit a.service: no longer failed", "failed-unit b.service: failed"}},
		{lab.StateDisk, items{"/": "1000", "/a": "10000", "/b": "1"}, items{"/": "1015", "/a": "10099", "/b": "17", "/c": "1"}, []string{"disk /b: 1 → 17 MiB", "disk /c: new (1 MiB)"}},
		{lab.StateDisk, items{"/": "10000"}, items{"/": "9900"}, []string{"disk /: 10000 → 9900 MiB"}},
		{lab.StateMemory, items{"used": "300"}, items{"used": "363"}, nil},
		{lab.StateMemory, items{"used": "400"}, items{"used": "479"}, nil},
		{lab.StateMemory, items{"used": "400"}, items{"used": "480"}, []string{"memory used: 400 → 480 MiB"}},
		{lab.StateBoot, items{"boot": "12"}, items{"boot": "21"}, nil},
		{lab.StateBoot, items{"boot": "30"}, items{"boot": "44"}, nil},
		{lab.StateBoot, items{"boot": "30"}, items{"boot": "45"}, []string{"boot-time boot: 30 → 45 s"}},
		{lab.StateError, items{"old": "3", "more": "3", "much": "3"}, items{"more": "29", "much": "30", "new": "1"}, []string{"log-error much: 3 → 30 times", "log-error new: new (1 times)"}},
		{lab.StateCommand, items{"a": "0 aa", "b": "0 aa"}, items{"a": "0 bb", "b": "1 bb"}, []string{"command a: prints something else", "command b: exit code 0 → 1"}},
		{
			lab.StateFile,
			items{"/e/a": "file 0644 root:root aa", "/e/b": "file 0644 root:root aa", "/e/c": "link 0777 root:root a b", "/e/d": "dir 0755 root:root", "/e/e": "file 0644 root:root ee"},
			items{"/e/a": "file 0644 root:root bb", "/e/b": "file 0600 root:root bb", "/e/c": "link 0777 root:root c", "/e/d": "file 0755 root:root aa", "/e/f": "file 0644 root:root ee"},
			[]string{
				"file /e/a: changed (content)", "file /e/b: changed (mode 0644 → 0600, content)", "file /e/c: changed (target a b → c)",
				"file /e/d: dir → file", "file /e/e: gone", "file /e/f: new",
			},
		},
		{lab.StateFile, items{"/e": "x"}, items{"/e": "y"}, []string{"file /e: changed"}},
		{
			lab.StateFile,
			items{"/usr": lab.NotLookedAt, "/etc/a": "file 0644 root:root ?", "/etc/b": lab.NotLookedAt, "/usrx": "file 0644 root:root aa"},
			items{"/usr": "dir 0755 root:root", "/usr/lib/x": "file 0644 root:root aa", "/etc/a": "file 0644 root:root ?", "/etc/b": "file 0644 root:root aa"},
			[]string{"file /usrx: gone"},
		},
		{lab.StateFile, items{"/": lab.NotLookedAt}, items{"/": "dir 0755 root:root", "/etc": "dir 0755 root:root"}, nil},
		{lab.StateFile, items{`C:\www`: lab.NotLookedAt}, items{`C:\www\a\b`: "file"}, nil},
		{lab.StateUser, nil, items{"a": "b"}, []string{"user a: new (b)"}}, // nil, but looked at
	} {
		if d := cmp.Diff(c.want, compared(c.kind, c.before, c.after)); d != "" {
			t.Errorf("%s, %v → %v: -want +got\n%s", c.kind, c.before, c.after, d)
		}
	}
}

func TestCompareStatesGapAndOrder(t *testing.T) {
	before := &lab.State{Items: map[lab.StateKind]map[string]string{lab.StateUser: {"a": "1"}, lab.StatePackage: {"p": "1"}, lab.StateOS: {"kernel": "6.1"}}}
	after := &lab.State{Items: map[lab.StateKind]map[string]string{lab.StatePackage: {"p": "2", "o": "1"}, lab.StateOS: {"kernel": "6.2"}, lab.StateGroup: {"g": "1"}}}
	var got []string
	for _, c := range lab.CompareStates("web", before, after) {
		got = append(got, fmt.Sprint(c.Machine, " ", c.Kind, " ", c.Name))
	}
	if d := cmp.Diff([]string{"web os kernel", "web package o", "web package p"}, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got := lab.CompareStates("web", nil, after); got != nil {
		t.Errorf("compared with nothing: %v", got)
	}
}

func TestCompareStatesText(t *testing.T) {
	state := func(value string, text ...string) *lab.State {
		s := &lab.State{Items: map[lab.StateKind]map[string]string{lab.StateFile: {}}, Texts: map[string]string{}}
		if value != "" {
			s.Items[lab.StateFile]["/etc/x"] = value
		}
		for _, t := range text {
			s.Texts["file:/etc/x"] = t
		}
		return s
	}
	for _, c := range []struct {
		name          string
		before, after *lab.State
		want          string
	}{
		{"changed", state("a", "1\n2\n"), state("b", "1\n3\n"), "--- /etc/x before\n+++ /etc/x after\n@@ -1,2 +1,2 @@\n 1\n-2\n+3\n"},
		{"new", state(""), state("b", "1\n"), "--- /etc/x before\n+++ /etc/x after\n@@ -0,0 +1,1 @@\n+1\n"},
		{"gone", state("b", "1\n"), state(""), "--- /etc/x before\n+++ /etc/x after\n@@ -1,1 +0,0 @@\n-1\n"},
		{"no longer text", state("a", "1\n"), state("b"), ""},
		{"only the mode", state("a", "1\n"), state("b", "1\n"), ""},
	} {
		got := lab.CompareStates("web", c.before, c.after)
		if len(got) != 1 || got[0].Diff != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	long := lab.CompareStates("web", state("a", ""), state("b", strings.Repeat("line\n", 5000)))[0].Diff
	if kept := strings.Count(long, "+line\n"); len(long) > 8<<10 || !strings.HasSuffix(long, fmt.Sprintf("\n… %d more lines\n", 5000-kept)) {
		t.Errorf("a long diff has %d bytes and ends in %q", len(long), long[len(long)-60:])
	}
	if wide := lab.CompareStates("web", state("a", ""), state("b", strings.Repeat("ä", 30000)))[0].Diff; len(wide) > 8<<10 {
		t.Errorf("a diff of one line has %d bytes", len(wide))
	}
}
