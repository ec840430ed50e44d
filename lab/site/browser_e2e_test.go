//go:build e2e

package site_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
	"github.com/patchlab/patchlab/lab/site/browsertest"
)

// TestInBrowser opens the site's pages from the file system. PATCHLAB_SCREENSHOTS
// names a folder that keeps the pictures.
func TestInBrowser(t *testing.T) {
	pictures := os.Getenv("PATCHLAB_SCREENSHOTS")
	if pictures == "" {
		pictures = t.TempDir()
	}
	out := t.TempDir()
	o := options(t)
	o.Report = func(dir string, rec *lab.Record) ([]byte, error) { // the real one
		var page bytes.Buffer
		err := report.HTML(&page, rec, dir)
		return page.Bytes(), err
	}
	if w := write(t, out, o); len(w.Problems) > 0 {
		t.Errorf("problems: %q", w.Problems)
	}
	b := browsertest.Open(t)
	t.Run("pages", func(t *testing.T) {
		for name := range files(t, out) {
			if strings.HasSuffix(name, ".html") {
				look(t, b.Visit("file://"+filepath.Join(out, name), 390, true), name)
			}
		}
	})
	t.Run("pictures", func(t *testing.T) { photograph(t, b, out, pictures) })
	t.Run("search by keys", func(t *testing.T) { searchByKeys(t, b, out) })
	t.Run("skip link", func(t *testing.T) { skip(t, b, out) })
	t.Run("hostile query", func(t *testing.T) {
		p := b.Visit("file://"+filepath.Join(out, "search.html")+"?q=%3Cimg%20src%3Dx%20onerror%3Dalert%282%29%3E", 1200, false)
		look(t, p, "search.html")
		if browsertest.Eval[int](b, `document.querySelectorAll("#results li").length`) == 0 {
			t.Error("the hostile names are not found by their own words")
		}
	})
	t.Run("without scripts", func(t *testing.T) { withoutScripts(t, b, out) })
}

// look judges one page.
func look(t *testing.T, p browsertest.Page, name string) {
	t.Helper()
	if len(p.Errors) > 0 {
		t.Errorf("%s: the console shows %q", name, p.Errors)
	}
	for _, r := range p.Requests {
		if !strings.HasPrefix(r, "file://") && !strings.HasPrefix(r, "data:") {
			t.Errorf("%s: asked for %q", name, r)
		}
	}
	if len(p.Requests) == 0 || p.Title == "" {
		t.Errorf("%s: was not opened: %+v", name, p)
	}
	if p.ScrollWidth > p.InnerWidth {
		t.Errorf("%s: is %d px wide in a window of %d px", name, p.ScrollWidth, p.InnerWidth)
	}
}

// photograph takes pictures of each kind of page.
func photograph(t *testing.T, b *browsertest.Browser, out, pictures string) {
	all := files(t, out)
	one := func(pattern, text string) string {
		for name := range all {
			if ok, _ := filepath.Match(pattern, name); ok && strings.Contains(all[name], text) {
				return name
			}
		}
		t.Fatalf("no page %s with %q", pattern, text)
		return ""
	}
	pages := map[string]string{
		"overview": "index.html", "calendar": "calendar.html", "month": "calendar/2026-10.html", "day": "day/2026-11-23.html",
		"client": one("client/*", "Müller"), "lab": "lab/dental.html", "hostile": one("lab/*", "alert(1)"),
		"patch": one("patch/*", "Re-released"), "patches": "patches.html",
		"run": one("run/dental/*", "not kept"), "search": "search.html",
	}
	for kind, name := range pages {
		url := "file://" + filepath.Join(out, name)
		if kind == "search" {
			url += "?q=dental+fail"
		}
		light := b.Visit(url, 1200, false)
		light.Screenshot(filepath.Join(pictures, kind+"-light.png"))
		look(t, light, name)
		dark := b.Visit(url, 1200, true)
		dark.Screenshot(filepath.Join(pictures, kind+"-dark.png"))
		if dark.Background == light.Background {
			t.Errorf("%s: is as light in the dark: %s", name, dark.Background)
		}
		for _, width := range []int{1000, 800, 390, 360} {
			phone := b.Visit(url, width, false)
			look(t, phone, name)
			phone.Screenshot(filepath.Join(pictures, fmt.Sprintf("%s-%d.png", kind, width)))
		}
	}
}

// Expressions for what the tests look at.
const (
	focused = `document.activeElement.id || document.activeElement.textContent`
	found   = `document.getElementById("status").textContent`
)

// searchByKeys finds and opens a run without a mouse.
func searchByKeys(t *testing.T, b *browsertest.Browser, out string) {
	b.Visit("file://"+filepath.Join(out, "index.html"), 1200, false)
	for range 12 { // the search of the overview is reached by Tab
		if b.Press(kb.Tab); browsertest.Eval[string](b, focused) == "q" {
			break
		}
	}
	b.Press("status 500", kb.Enter)
	b.Wait("#results a")
	if got := browsertest.Eval[string](b, found); got != "1 found." {
		t.Errorf("on the way from the overview: %s", got)
	}
	b.Press(" DENTAL") // the field has the focus
	if b.Press(kb.Tab); browsertest.Eval[string](b, focused) != "apache-security on dental" {
		t.Errorf("Tab led to %q", browsertest.Eval[string](b, focused))
	}
	b.Press(kb.Escape, kb.ArrowDown, kb.Enter)
	b.Wait("h1:not(:has(+ #find))")
	address := browsertest.Eval[string](b, "location.href")
	if !strings.Contains(address, "/run/dental/") {
		t.Errorf("Enter opened %s", address)
	}
	look(t, b.Look(), address)
	b.Do(chromedp.NavigateBack())
	b.Wait("#results a")
	if got := browsertest.Eval[string](b, found); got != "1 found." {
		t.Errorf("coming back: %s", got)
	}
}

// skip goes by the skip link past the navigation, and finds the days of the
// calendar by Tab.
func skip(t *testing.T, b *browsertest.Browser, out string) {
	b.Visit("file://"+filepath.Join(out, "calendar.html"), 1200, false)
	b.Press(kb.Tab)
	if left := browsertest.Eval[float64](b, `document.activeElement.getBoundingClientRect().left`); left < 0 {
		t.Errorf("the skip link is not seen: at %f", left)
	}
	b.Press(kb.Enter)
	if got := browsertest.Eval[string](b, `document.activeElement.id`); got != "main" {
		t.Errorf("it leads to %q", got)
	}
	b.Press(kb.Tab, kb.Tab)
	if got := browsertest.Eval[string](b, `document.activeElement.getAttribute("aria-label") || ""`); !strings.Contains(got, "November 2026: ") {
		t.Errorf("and then Tab to %q", got)
	}
}

// withoutScripts looks whether the search says how else to find things.
func withoutScripts(t *testing.T, b *browsertest.Browser, out string) {
	b.Scripts(false)
	defer b.Scripts(true)
	p := b.Visit("file://"+filepath.Join(out, "search.html"), 390, false)
	look(t, p, "search.html")
	if text := browsertest.Eval[string](b, `document.querySelector("main").innerText`); !strings.Contains(text, "needs scripts") {
		t.Errorf("the page says: %s", text)
	}
}
