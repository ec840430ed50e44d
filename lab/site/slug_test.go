package site

import (
	"regexp"
	"strings"
	"testing"
)

// TestSlugs looks whether names of files are harmless, and never the same for
// two names, on a file system that ignores the case neither.
func TestSlugs(t *testing.T) {
	long := strings.Repeat("a", 61)
	names := []string{
		"", ".", "..", "../..", "/", "a/b", "a-b", "a--b", "A-B", "a_b", "-a", "a-", "dental", "Dental", "DENTAL", "dental.p2", "dental-2",
		"büro", "bu\u0308ro", "buro", "b-ro", "con", "CON", "com1", "lpt9", "comb", "nul", "x", "\x00", "\xff", "\u202e", "a b", "a\nb",
		long, long + "a", long[:60], strings.Repeat("ü", 100), "index", "<script>", `"`, "%2e%2e",
	}
	for _, n := range names { // what one name becomes is another's name
		names = append(names, slug(n)+" ", strings.ReplaceAll(slug(n), ".", "-"))
	}
	harmless := regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*(\.[0-9a-f]{16})?$`)
	seen := map[string]string{}
	for _, n := range names {
		s := slug(n)
		base, _, _ := strings.Cut(s, ".")
		if !harmless.MatchString(s) || len(s) > longestName || reserved(base) {
			t.Errorf("slug of %q: %q", n, s)
		}
		if other, there := seen[s]; there && other != n {
			t.Errorf("%q and %q are both %q", n, other, s)
		}
		seen[s] = n
	}
	for _, n := range []string{"dental", "a_b", "dental-2", "20261123-121500-ab12"} {
		if slug(n) != n {
			t.Errorf("slug of %q: %q", n, slug(n))
		}
	}
}

func FuzzSlug(f *testing.F) {
	f.Add("../etc/passwd", "..")
	f.Add("Dental", "dental")
	f.Fuzz(func(t *testing.T, a, b string) {
		if a != b && slug(a) == slug(b) {
			t.Errorf("%q and %q are both %q", a, b, slug(a))
		}
		if s := slug(a); strings.ContainsAny(s, "/\\\x00 ") || strings.HasPrefix(s, ".") || len(s) > longestName {
			t.Errorf("slug of %q: %q", a, s)
		}
	})
}

// TestPaging looks at the pages of a long list.
func TestPaging(t *testing.T) {
	runs := make([]*run, 2*runsPerPage+1)
	parts := paged("lab", "lab/dental.html", runs)
	if len(parts) != 3 || parts[0].Before() != "" || parts[0].After() != "lab/dental.p2.html" ||
		parts[2].Before() != "lab/dental.p2.html" || parts[2].After() != "" || parts[2].First != 1001 || parts[2].End() != 1001 {
		t.Errorf("got %+v", parts)
	}
	if parts := paged("lab", "lab/dental.html", runs[:runsPerPage]); len(parts) != 1 {
		t.Errorf("a full page became %d", len(parts))
	}
}
