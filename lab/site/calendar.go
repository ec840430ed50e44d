package site

import (
	"cmp"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// month is a month with its days.
type month struct {
	Date         time.Time // midnight of its first day
	Page         string
	Weeks        [][7]cell // from Monday
	Counts       counts
	Nights       int // days with runs
	Older, Newer *month
}

// cell is a place in a month's grid.
type cell struct {
	Number int  // day of the month; 0: it is of another month
	Day    *day // nil: there were no runs
}

// calendarBody is what the calendar shows: all months, the newest as a grid.
type calendarBody struct {
	Newest *month // nil: there are no runs
	Months []*month
	Most   int // runs of the month with the most
}

// share is a part of a month's bar, in thousandths of the widest one's width.
type share struct {
	Verdict  lab.Verdict
	X, Width int
}

// Shares are the parts of the bar for c.
func (b calendarBody) Shares(c counts) []share {
	var out []share
	at, done := 0, 0
	for _, s := range []struct {
		v lab.Verdict
		n int
	}{{lab.Pass, c.Pass}, {lab.Inconclusive, c.Inconclusive}, {lab.Fail, c.Fail}} {
		done += s.n
		end := done * 1000 / max(b.Most, 1)
		out = append(out, share{s.v, at, end - at})
		at = end
	}
	return out
}

// Month is the name of the month's page.
func (d *day) Month() string { return d.Date.Format("2006-01") }

// calendar are the pages of the calendar.
func (r *renderer) calendar(h *history) []item {
	b := calendarBody{Months: h.months()}
	var items []item
	for _, m := range b.Months {
		b.Most = max(b.Most, m.Counts.All())
		items = append(items, r.item(view{m.Page, "month", m.Date.Format("January 2006"), "calendar", m}))
	}
	if len(b.Months) > 0 {
		b.Newest = b.Months[0]
	}
	return append(items, r.item(view{"calendar.html", "calendar", "Calendar", "calendar", b}))
}

// months are those that have runs, newest first.
func (h *history) months() []*month {
	var months []*month
	for _, d := range h.days {
		y, mon, _ := d.Date.Date()
		first := time.Date(y, mon, 1, 0, 0, 0, 0, d.Date.Location())
		if len(months) == 0 || !months[len(months)-1].Date.Equal(first) {
			m := &month{Date: first, Page: "calendar/" + first.Format("2006-01") + ".html", Weeks: weeks(first)}
			if n := len(months); n > 0 {
				m.Newer, months[n-1].Older = months[n-1], m
			}
			months = append(months, m)
		}
		m := months[len(months)-1]
		m.Counts.join(d.Counts)
		m.Nights++
		m.place(d)
	}
	return months
}

// weeks is the empty grid of the month that begins at first.
func weeks(first time.Time) [][7]cell {
	at := (int(first.Weekday()) + 6) % 7 // Monday is 0
	days := first.AddDate(0, 1, -1).Day()
	grid := make([][7]cell, (at+days+6)/7)
	for n := range days {
		grid[(at+n)/7][(at+n)%7].Number = n + 1
	}
	return grid
}

func (m *month) place(d *day) {
	at := (int(m.Date.Weekday())+6)%7 + d.Date.Day() - 1
	m.Weeks[at/7][at%7].Day = d
}

// newestFirst sorts runs by their time.
func newestFirst(runs []lastRun) {
	slices.SortStableFunc(runs, func(x, y lastRun) int {
		return cmp.Or(y.When.Compare(x.When), cmp.Compare(x.Page, y.Page))
	})
}
