package site

import (
	"path"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// overviewBody is what the first page shows.
type overviewBody struct {
	Counts  counts // of the last 30 days
	Labs    int
	All     int       // runs
	Worries []lastRun // newest runs of patches that are no pass, of the last 30 days
	More    int       // worries left out
	Clients []clientBody
	Ages    ages
}

// clientBody is a client with its labs.
type clientBody struct {
	*client
	Cards []card
	Ages  ages
}

// card is a lab in short.
type card struct {
	Lab   *labRuns
	Last  []lastRun
	Strip strip
	More  int // patches left out
}

// ages tells how long ago something was.
type ages struct{ now time.Time }

// Of is how long ago t was, in words.
func (a ages) Of(t time.Time) string { return since(a.now, t) }

// title is what a client's page is called.
func (c *client) title() string {
	if c.Name == "" {
		return "Labs without a client"
	}
	return c.Name
}

// Anchor names the client's place on the overview.
func (c *client) Anchor() string {
	return "c-" + strings.TrimSuffix(path.Base(c.Page), ".html")
}

// Title is title, for templates.
func (c *client) Title() string { return c.title() }

func (h *history) clientBody(c *client, patches int) clientBody {
	b := clientBody{client: c, Ages: ages{h.now}}
	for _, l := range c.Labs {
		last := l.last(patches)
		b.Cards = append(b.Cards, card{Lab: l, Last: last, Strip: stripOf(l.Runs), More: l.Names() - len(last)})
	}
	return b
}

func (h *history) overview() overviewBody {
	b := overviewBody{Labs: len(h.labs), All: len(h.runs), Ages: ages{h.now}}
	for _, c := range h.clients {
		b.Counts.join(c.Counts)
		b.Clients = append(b.Clients, h.clientBody(c, overviewLast))
	}
	b.Worries = h.worries()
	b.More = max(0, len(b.Worries)-mostWorries)
	b.Worries = b.Worries[:len(b.Worries)-b.More]
	return b
}

// worries are the newest runs of a patch on a lab that are no pass, of the
// last 30 days, failures first. What was rejected is settled.
func (h *history) worries() []lastRun {
	var failed, unclear []lastRun
	for _, l := range h.labs {
		for _, r := range l.last(len(l.Runs)) {
			settled := r.Decision != nil && !r.Decision.Approved && r.Decision.When.After(r.When)
			switch {
			case r.Verdict == lab.Pass || settled || !r.recent(h.now):
			case r.Verdict == lab.Fail:
				failed = append(failed, r)
			default:
				unclear = append(unclear, r)
			}
		}
	}
	newestFirst(failed)
	newestFirst(unclear)
	return append(failed, unclear...)
}
