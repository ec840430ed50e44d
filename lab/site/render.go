package site

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab/report"
)

//go:embed page
var pageFiles embed.FS

// What a page may load: nothing but the site's style sheet, and the search
// its two scripts. From the file system "self" is not the same in every
// browser, hence file:.
const (
	policy       = "default-src 'none'; style-src 'self' file:; img-src data:; base-uri 'none'; form-action 'self' file:"
	searchPolicy = policy + "; script-src 'self' file:"
)

// renderer makes pages.
type renderer struct {
	site      string // its title, printable
	zone      string
	templates map[string]*template.Template
	version   string // hash of what all pages are made with
}

// newRenderer reads the templates, each page's with the frame.
func newRenderer(o Options) (*renderer, error) {
	r := &renderer{site: word(o.Title), zone: zone(o.Now), templates: map[string]*template.Template{}}
	if r.site == "" {
		r.site = "patchlab"
	}
	frame, err := template.New("").Funcs(functions()).ParseFS(pageFiles, "page/frame.html", "page/parts.html")
	if err != nil {
		return nil, fmt.Errorf("cannot read the site's templates: %w", err)
	}
	for _, name := range []string{"overview", "client", "lab", "calendar", "month", "day", "patches", "patch", "run", "search"} {
		page, err := template.Must(frame.Clone()).ParseFS(pageFiles, "page/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("cannot read the site's templates: %w", err)
		}
		r.templates[name] = page
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q\n", o.Version, r.site, r.zone)
	err = fs.WalkDir(pageFiles, "page", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := pageFiles.ReadFile(name)
		fmt.Fprintf(sum, "%q %q\n", name, text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the site's templates: %w", err)
	}
	r.version = hex.EncodeToString(sum.Sum(nil))
	return r, nil
}

// zone is the name of now's time zone, the same all year.
func zone(now time.Time) string {
	if name := now.Location().String(); name != time.Local.String() {
		return name
	}
	winter, _ := time.Date(now.Year(), 1, 1, 0, 0, 0, 0, now.Location()).Zone()
	summer, _ := time.Date(now.Year(), 7, 1, 0, 0, 0, 0, now.Location()).Zone()
	if winter == summer {
		return winter
	}
	return winter + " and " + summer
}

// functions are what templates may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"iso":       func(t time.Time) string { return t.Format(time.RFC3339) },
		"minute":    func(t time.Time) string { return t.Format("2006-01-02 15:04") },
		"date":      func(t time.Time) string { return t.Format(time.DateOnly) },
		"long":      func(t time.Time) string { return t.Format("Monday, 2 January 2006") },
		"month":     func(t time.Time) string { return t.Format("January 2006") },
		"took":      took,
		"inc":       func(n int) int { return n + 1 },
		"plural":    plural,
		"strip":     stripOf,
		"mark":      mark,
		"short":     func(sum string) string { return sum[:min(len(sum), shortSHA)] },
		"decisions": func(of string, list []*decision) decisionList { return decisionList{of, list} },
		"bind":      func(p page, v any) page { p.Body = v; return p },
	}
}

// page is what a template gets.
type page struct {
	Root   string // the way to the site's folder, such as "../"
	Site   string
	Title  string
	Here   string // which of the pages at the top it belongs to
	Zone   string
	Policy string
	Body   any
}

// decisionList is a list of decisions that are all on one "lab" or "patch".
type decisionList struct {
	Of   string
	List []*decision
}

// view is a page to be made.
type view struct {
	path, template, title, here string
	body                        any
}

// item makes the page when it comes to it.
func (r *renderer) item(v view) item {
	return item{path: v.path, render: func() ([]byte, error) { return r.render(v) }}
}

func (r *renderer) render(v view) ([]byte, error) {
	p := page{
		Root: strings.Repeat("../", strings.Count(path.Clean(v.path), "/")), Site: r.site, Zone: r.zone,
		Title: v.title, Here: v.here, Policy: policy, Body: v.body,
	}
	if v.template == "search" {
		p.Policy = searchPolicy
	}
	var b bytes.Buffer
	if err := r.templates[v.template].ExecuteTemplate(&b, "frame", p); err != nil {
		return nil, fmt.Errorf("cannot make page %s: %w", v.path, err)
	}
	return b.Bytes(), nil
}

// styleSheet is the one of all pages but the runs'.
func styleSheet() ([]byte, error) {
	own, err := pageFiles.ReadFile("page/site.css")
	return append([]byte(report.Style()), own...), err
}

// took is a run's time in words.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// size is a number of bytes in words.
func size(n int64) string {
	const unit = 1024
	switch {
	case n < unit:
		return fmt.Sprintf("%d B", n)
	case n < unit*unit:
		return fmt.Sprintf("%.1f KiB", float64(n)/unit)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/unit/unit)
}

// mark is a sign for a verdict, for who cannot tell the colours.
func mark(verdict any) string {
	switch fmt.Sprint(verdict) {
	case "pass":
		return "✓"
	case "fail":
		return "✕"
	case "inconclusive":
		return "?"
	}
	return ""
}
