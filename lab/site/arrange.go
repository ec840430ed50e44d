package site

import (
	"cmp"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// arrange makes the history of entries.
func arrange(o Options) *history {
	h := &history{now: o.Now}
	a := arranger{
		history: h, byName: map[string]*labRuns{}, byBytes: map[string]*patchRuns{},
		pruned: map[[2]string]time.Time{}, paths: map[string]bool{},
	}
	entries := slices.Clone(o.Entries)
	slices.SortStableFunc(entries, func(x, y ledger.Entry) int { return at(y).Compare(at(x)) })
	for i := range entries {
		if e := &entries[i]; e.Kind == ledger.Prune {
			for _, id := range e.Pruned {
				a.pruned[[2]string{e.Lab, id}] = e.Time.In(o.Now.Location())
			}
		}
	}
	for i := range entries {
		a.add(&entries[i])
	}
	a.byClient()
	a.byDay()
	a.namePatches()
	h.rereleases()
	return h
}

// at is the time by which entries are sorted.
func at(e ledger.Entry) time.Time {
	if e.Run != nil {
		return e.Run.Started
	}
	return e.Time
}

type arranger struct {
	*history
	byName  map[string]*labRuns
	byBytes map[string]*patchRuns
	pruned  map[[2]string]time.Time // by lab and run
	paths   map[string]bool         // of runs' pages
}

func (a *arranger) add(e *ledger.Entry) {
	switch {
	case e.Kind == ledger.Run && e.Run != nil:
		a.addRun(e)
	case (e.Kind == ledger.Approve || e.Kind == ledger.Reject) && e.Decision != nil:
		l, p := a.lab(e), a.patch(e)
		d := &decision{
			Approved: e.Kind == ledger.Approve, By: word(e.Decision.By), Reason: sentence(e.Decision.Reason),
			When: e.Time.In(a.now.Location()), Lab: l, Patch: p, PatchName: patchName(e),
		}
		if !e.Decision.Until.IsZero() {
			d.Until = e.Decision.Until.In(a.now.Location())
			d.Over = d.Until.Before(a.now)
		}
		l.Decisions, p.Decisions = append(l.Decisions, d), append(p.Decisions, d)
	}
}

func (a *arranger) addRun(e *ledger.Entry) {
	l, p := a.lab(e), a.patch(e)
	r := &run{
		ID: word(e.Run.ID), Reason: sentence(e.Run.Reason), Host: word(e.Host), Verdict: e.Run.Verdict,
		When: e.Run.Started.In(a.now.Location()), Seconds: e.Run.Seconds, Lab: l, Patch: p, PatchName: patchName(e),
		Pruned: a.pruned[[2]string{e.Lab, e.Run.ID}], entry: e, Page: a.runPage(e),
	}
	for _, w := range e.Run.Weak {
		r.Weak = append(r.Weak, word(w))
	}
	if !slices.Contains([]lab.Verdict{lab.Pass, lab.Fail}, r.Verdict) {
		r.Verdict = lab.Inconclusive // nothing else is known of
	}
	if r.Verdict == lab.Pass && l.LastPass == nil {
		l.LastPass = r
	}
	if r.recent(a.now) {
		l.Counts.add(r)
	}
	l.Runs, p.Runs, a.runs = append(l.Runs, r), append(p.Runs, r), append(a.runs, r)
}

// recent reports whether the run is of the last 30 days.
func (r *run) recent(now time.Time) bool { return r.When.After(now.AddDate(0, 0, -30)) }

// runPage is the path of a run's page. Runs of one lab have the same id only
// when ledgers of two hosts do not agree: the newest has the plain path.
func (a *arranger) runPage(e *ledger.Entry) string {
	base := "run/" + slug(e.Lab) + "/"
	path := base + slug(e.Run.ID) + ".html"
	for n := 0; a.paths[path]; n++ {
		path = base + slug(e.Run.ID+"\x00"+e.Of+"\x00"+e.Run.Sums+itoa(n)) + ".html"
	}
	a.paths[path] = true
	return path
}

// lab is the lab of e. Its client is the one of the newest entry.
func (a *arranger) lab(e *ledger.Entry) *labRuns {
	l := a.byName[e.Lab]
	if l == nil {
		l = &labRuns{Name: word(e.Lab), Page: "lab/" + slug(e.Lab) + ".html", Client: a.client(e.Client)}
		l.Client.Labs = append(l.Client.Labs, l)
		a.byName[e.Lab] = l
		a.labs = append(a.labs, l)
	}
	return l
}

func (a *arranger) client(name string) *client {
	page := "client/" + slug(name) + ".html"
	for _, c := range a.clients {
		if c.Page == page {
			return c
		}
	}
	c := &client{Name: word(name), Page: page}
	a.clients = append(a.clients, c)
	return c
}

// byClient sorts clients and labs by name, and counts.
func (a *arranger) byClient() {
	h := a.history
	slices.SortFunc(h.labs, func(x, y *labRuns) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Page, y.Page)) })
	slices.SortFunc(h.clients, func(x, y *client) int {
		return cmp.Or(boolFirst(x.Name != "", y.Name != ""), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Page, y.Page))
	})
	for _, c := range h.clients {
		slices.SortFunc(c.Labs, func(x, y *labRuns) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Page, y.Page)) })
		for _, l := range c.Labs {
			c.Counts.join(l.Counts)
		}
	}
}

func boolFirst(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

// byDay sorts the runs into days.
func (a *arranger) byDay() {
	var last *day
	for _, r := range a.runs {
		y, m, d := r.When.Date()
		date := time.Date(y, m, d, 0, 0, 0, 0, r.When.Location())
		if last == nil || !last.Date.Equal(date) {
			last = &day{Date: date, Page: "day/" + date.Format(time.DateOnly) + ".html"}
			a.days = append(a.days, last)
		}
		last.Runs = append(last.Runs, r)
		last.Counts.add(r)
	}
}
