package report_test

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	xhtml "golang.org/x/net/html"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

// attr is an attribute of n, "" when it has none.
func attr(n *xhtml.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func TestHTMLIsAccessible(t *testing.T) {
	dir := folder(t)
	for name, r := range map[string]*lab.Record{"passed": passed(), "lost": lost(), "changed": changed(), "early": early(), "empty": {}} {
		t.Run(name, func(t *testing.T) {
			doc, err := xhtml.Parse(strings.NewReader(html(t, r, dir)))
			if err != nil {
				t.Fatal(err)
			}
			ids, level := map[string]int{}, 0
			for n := range doc.Descendants() {
				if id := attr(n, "id"); id != "" {
					ids[id]++
				}
			}
			for n := range doc.Descendants() {
				if n.Type != xhtml.ElementNode {
					continue
				}
				level = headings(t, n, level)
				elements(t, n)
				for _, ref := range append(strings.Fields(attr(n, "aria-labelledby")), strings.TrimPrefix(attr(n, "href"), "#")) {
					if ref != "" && ids[ref] != 1 {
						t.Errorf("%q is referred to, and is there %d times", ref, ids[ref])
					}
				}
			}
			if ids["checks"] != 1 || level == 0 {
				t.Error("there are no headings")
			}
		})
	}
}

// headings wants no level to be left out.
func headings(t *testing.T, n *xhtml.Node, before int) int {
	t.Helper()
	if len(n.Data) != 2 || n.Data[0] != 'h' || n.Data[1] < '1' || n.Data[1] > '6' {
		return before
	}
	level := int(n.Data[1] - '0')
	if level > before+1 {
		t.Errorf("h%d follows h%d", level, before)
	}
	return level
}

func elements(t *testing.T, n *xhtml.Node) {
	t.Helper()
	first := n.FirstChild
	for first != nil && first.Type == xhtml.TextNode {
		first = first.NextSibling
	}
	switch {
	case n.Data == "th" && attr(n, "scope") == "":
		t.Error("a table's head does not say of what")
	case n.Data == "img" && attr(n, "alt") == "":
		t.Error("a picture has no words")
	case n.Data == "details" && (first == nil || first.Data != "summary"):
		t.Error("details have no summary")
	case n.Data == "svg" && attr(n, "role") == "img" && (first == nil || first.Data != "title"):
		t.Error("a drawing has no title")
	case n.Data == "html" && attr(n, "lang") == "":
		t.Error("the page has no language")
	}
}

// TestStyleContrast wants what WCAG calls AA of all texts, light and dark.
func TestStyleContrast(t *testing.T) {
	css := string(report.Style())
	light, rest, _ := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	dark, _, _ := strings.Cut(rest, "* { box-sizing")
	_, paper, _ := strings.Cut(rest, "@media print")
	for name, block := range map[string]string{"light": light, "dark": dark, "print": paper} {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(block, -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		pairs := []string{"pass pass-tint", "fail fail-tint", "warn warn-tint", "note note-tint", "ink note-tint", "ink fail-tint", "muted note-tint", "muted fail-tint"}
		for _, text := range []string{"ink", "muted", "link", "pass", "fail", "warn", "note"} {
			pairs = append(pairs, text+" paper", text+" tint", text+" note-tint")
		}
		for _, pair := range pairs {
			text, ground, _ := strings.Cut(pair, " ")
			a, ok1 := colours[text]
			b, ok2 := colours[ground]
			if ratio := (math.Max(a, b) + 0.05) / (math.Min(a, b) + 0.05); !ok1 || !ok2 || ratio < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want 4.5", name, text, ground, ratio)
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestStyleNamesNoFile: it is put into pages that must load nothing.
func TestStyleNamesNoFile(t *testing.T) {
	if css := fmt.Sprint(report.Style()); strings.Contains(css, "url(") || strings.Contains(css, "@import") || strings.Contains(css, "</") {
		t.Error("the style names another file")
	}
}
