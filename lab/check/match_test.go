package check

import (
	"math"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name string
		m    lab.Match
		text string
		cut  bool
		why  string // empty: it holds
	}{
		{"nothing asserted", lab.Match{}, "", true, ""},
		{"contains", lab.Match{Contains: "free slots"}, "12 free slots", false, ""},
		{"contains not", lab.Match{Contains: "free slots"}, "", false, `does not contain "free slots"`},
		{"contains in what is known", lab.Match{Contains: "a"}, "a", true, ""},
		{"not contains", lab.Match{NotContains: "error"}, "fine", false, ""},
		{"not contains fails", lab.Match{NotContains: "error"}, "an error", false, `contains "error"`},
		{"not contains of a part", lab.Match{NotContains: "error"}, "fine", true, `is known only in its first 4 bytes, so that it cannot be said not to contain "error"`},
		{"equals", lab.Match{Equals: "ok"}, " ok\n", false, ""},
		{"equals fails", lab.Match{Equals: "ok"}, "ok2", false, `is "ok2", want "ok"`},
		{"equals of a part", lab.Match{Equals: "ok"}, "ok", true, `is known only in its first 2 bytes, want exactly "ok"`},
		{"regexp", lab.Match{Regexp: `^v\d+$`}, "v12", false, ""},
		{"regexp fails", lab.Match{Regexp: `^v\d+$`}, "v12\nx", false, `does not match "^v\\d+$"`},
		{"invalid regexp", lab.Match{Regexp: `(`}, "(", false, "cannot be matched: error parsing regexp: missing closing ): `(`"},
		{"all must hold", lab.Match{Contains: "a", Regexp: "b"}, "a", false, `does not match "b"`},
		{"bytes that are no text", lab.Match{Contains: "b"}, "\xff\x00b", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok, why := match(c.m, []byte(c.text), c.cut)
			if ok != (c.why == "") || why != c.why {
				t.Errorf("%t, %q; want %q", ok, why, c.why)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	one, two := 1.0, 2.5
	for _, c := range []struct {
		r       lab.Range
		got     float64
		ok      bool
		message string
	}{
		{lab.Range{}, 7, true, "s"},
		{lab.Range{Min: &one}, 1, true, "s, load 1 %"},
		{lab.Range{Min: &one}, 0.96, false, "load 0.96 %, want at least 1"},
		{lab.Range{Max: &two}, 2.5, true, "s, load 2.5 %"},
		{lab.Range{Max: &two}, 3, false, "load 3 %, want at most 2.5"},
		{lab.Range{Min: &one, Max: &two}, 0, false, "load 0 %, want 1 to 2.5"},
		{lab.Range{Min: &one, Max: &one}, 2, false, "load 2 %, want exactly 1"},
		{lab.Range{Max: &two}, math.NaN(), false, "load NaN %, want at most 2.5"},
	} {
		f := finding{seen: "s"}
		f.expectNumber("load", c.r, c.got, "%")
		if got := f.message("desk", long); f.passed() != c.ok || got != c.message {
			t.Errorf("%t, %q; want %t, %q", f.passed(), got, c.ok, c.message)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("text", "e", "x", "text", "t.x", false)
	f.Add("\xff", "", "\xff", "", "", true)
	f.Fuzz(func(t *testing.T, text, contains, notContains, equals, expr string, cut bool) {
		m := lab.Match{Contains: contains, NotContains: notContains, Equals: equals, Regexp: expr}
		ok, why := match(m, []byte(text), cut)
		if ok == (why != "") {
			t.Fatalf("%t, %q", ok, why)
		}
		if !ok {
			return
		}
		if !strings.Contains(text, contains) ||
			notContains != "" && (cut || strings.Contains(text, notContains)) ||
			equals != "" && (cut || strings.TrimSpace(text) != strings.TrimSpace(equals)) {
			t.Fatalf("%+v passed for %q, cut %t", m, text, cut)
		}
	})
}
