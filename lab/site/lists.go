package site

import (
	"slices"
	"time"
)

// Most of what one page lists.
const (
	runsPerPage  = 500
	labLast      = 50 // last runs by patch on a lab's page
	overviewLast = 5  // the same on the overview
	clientLast   = 12 // and on a client's page
	mostFiles    = 300
	mostTwins    = 40
	mostWorries  = 30
)

// lists are all pages but those of runs, the overview last.
func (r *renderer) lists(h *history) ([]item, error) {
	style, err := styleSheet()
	if err != nil {
		return nil, err
	}
	items := []item{{path: "style.css", render: func() ([]byte, error) { return style, nil }}}
	for _, d := range h.days {
		for _, l := range paged("day", d.Page, d.Runs) {
			items = append(items, r.item(view{l.Path, "day", d.Date.Format("2 January 2006") + l.Suffix(), "calendar", dayBody{d, l}}))
		}
	}
	for _, l := range h.labs {
		for _, part := range paged("lab", l.Page, l.Runs) {
			items = append(items, r.item(view{part.Path, "lab", "Lab " + l.Name + part.Suffix(), "overview", labBody{l, part, l.last(labLast)}}))
		}
	}
	for _, p := range h.patches {
		for _, part := range paged("patch", p.Page, p.Runs) {
			items = append(items, r.item(view{part.Path, "patch", "Patch " + p.Name + part.Suffix(), "patches", p.body(part)}))
		}
	}
	items = append(items, r.calendar(h)...)
	items = append(items, r.item(view{"patches.html", "patches", "Patches", "patches", h.byName()}))
	search, err := r.search(h)
	if err != nil {
		return nil, err
	}
	items = append(items, search...)
	for _, c := range h.clients {
		items = append(items, r.item(view{c.Page, "client", c.title(), "overview", h.clientBody(c, clientLast)}))
	}
	return append(items, r.item(view{"index.html", "overview", r.site, "overview", h.overview()})), nil
}

// part is one page of a list of runs.
type part struct {
	Path         string
	Number, Last int // from 1
	First        int // number of its first run, from 1
	All          int
	Runs         []*run
	Of           string   // "lab" or "patch", where all runs are of one; else "day"
	Pages        []string // paths of all of them
}

// Suffix is for the titles of the later pages.
func (p part) Suffix() string {
	if p.Number == 1 {
		return ""
	}
	return ", page " + itoa(p.Number)
}

// Before and After are the paths of the pages beside it, or empty.
func (p part) Before() string {
	if p.Number == 1 {
		return ""
	}
	return p.Pages[p.Number-2]
}

// After is as Before.
func (p part) After() string {
	if p.Number == p.Last {
		return ""
	}
	return p.Pages[p.Number]
}

// End is the number of its last run.
func (p part) End() int { return p.First + len(p.Runs) - 1 }

// paged makes pages of a list, at least one.
func paged(of, path string, runs []*run) []part {
	var parts []part
	for chunk := range slices.Chunk(runs, runsPerPage) {
		n := len(parts) + 1
		parts = append(parts, part{Path: numbered(path, n), Number: n, First: (n-1)*runsPerPage + 1, All: len(runs), Runs: chunk})
	}
	if len(parts) == 0 {
		parts = []part{{Path: path, Number: 1, First: 1}}
	}
	pages := make([]string, len(parts))
	for i := range parts {
		pages[i] = parts[i].Path
	}
	for i := range parts {
		parts[i].Of, parts[i].Pages, parts[i].Last = of, pages, len(parts)
	}
	return parts
}

type dayBody struct {
	Day  *day
	Part part
}

type labBody struct {
	Lab  *labRuns
	Part part
	Last []lastRun
}

// lastRun is the newest run of a patch's name on a lab.
type lastRun struct {
	*run
	Pass     *run      // the newest pass of that name; nil: never
	Decision *decision // the newest on these bytes on this lab; nil: none
	Times    int       // how many runs of that name there are
}

// last are the last runs of each patch on the lab, newest first, at most so
// many.
func (l *labRuns) last(most int) []lastRun {
	var out []lastRun
	at := map[string]int{}
	for _, r := range l.Runs {
		i, there := at[r.PatchName]
		if !there {
			i = len(out)
			at[r.PatchName] = i
			out = append(out, lastRun{run: r, Decision: l.decision(r.Patch)})
		}
		out[i].Times++
		if out[i].Pass == nil && r.Verdict == "pass" {
			out[i].Pass = r
		}
	}
	return out[:min(most, len(out))]
}

// decision is the newest one on the patch's bytes, or nil.
func (l *labRuns) decision(p *patchRuns) *decision {
	for _, d := range l.Decisions {
		if d.Patch == p {
			return d
		}
	}
	return nil
}

// Total are the lab's runs by verdict.
func (l *labRuns) Total() counts { return countOf(l.Runs) }

// Names is how many patches were tested on the lab.
func (l *labRuns) Names() int {
	seen := map[string]bool{}
	for _, r := range l.Runs {
		seen[r.PatchName] = true
	}
	return len(seen)
}

// since is how long ago day is, in words that change once a day.
func since(now, t time.Time) string {
	y, m, d := now.Date()
	today := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	y, m, d = t.In(now.Location()).Date()
	switch days := int(today.Sub(time.Date(y, m, d, 12, 0, 0, 0, time.UTC)).Hours() / 24); {
	case days <= 0:
		return "today"
	case days == 1:
		return "yesterday"
	default:
		return itoa(days) + " days ago"
	}
}
