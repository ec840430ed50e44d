package suggest

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxPages = 10 // of one site, beside its start page
	maxTried = 2 * maxPages
	// pageLimit is how long one page may take, pagesLimit all of one site.
	pageLimit     = 10 * time.Second
	pagesLimit    = time.Minute
	fetchesAtOnce = 4 // from one site
)

// pages are the site's pages that are worth a check, beside its start page:
// those that it leads to, and those of files, in turn. Each answers with
// status 200, and with something of its own.
func (st *site) pages(ctx context.Context, d lab.Dialer, files []string) []page {
	ctx, cancel := context.WithTimeout(ctx, pagesLimit)
	defer cancel()
	tried := inTurn(linksOf(st.url, st.body), files, maxTried)
	found := make([]page, len(tried))
	var g errgroup.Group
	g.SetLimit(fetchesAtOnce)
	for i, at := range tried {
		g.Go(func() error {
			found[i] = st.one(ctx, d, at)
			return nil
		})
	}
	_ = g.Wait()
	var out []page
	for i, p := range found {
		if len(out) < maxPages && p.status == http.StatusOK && !st.repeats(tried[i], p) &&
			strings.TrimSpace(p.body) != "" && !trouble.MatchString(p.text) &&
			!slices.ContainsFunc(out, func(o page) bool { return o.body == p.body }) {
			out = append(out, p)
		}
	}
	return out
}

// one asks for one page of the site; one that cannot be had has no status.
func (st *site) one(ctx context.Context, d lab.Dialer, at string) page {
	ctx, cancel := context.WithTimeout(ctx, pageLimit)
	defer cancel()
	u, err := url.Parse(st.url)
	if err != nil {
		return page{}
	}
	u.Path = at
	p, err := twice(ctx, d, u.String(), st.insecure)
	if err != nil {
		return page{}
	}
	return p
}

// repeats reports whether a page is the start page under another name.
func (st *site) repeats(at string, p page) bool {
	index := path.Dir(at) == "/" && strings.HasPrefix(strings.ToLower(path.Base(at)), "index.")
	return p.body == st.body || index && p.text == st.text && p.status == st.status
}

// forSites spreads the files of a machine's web sites over the sites that
// answer, by their names. What has none of these names is looked for at the
// first.
func forSites(web []webSite, found []site) [][]string {
	out := make([][]string, len(found))
	if len(found) == 0 {
		return out
	}
	for _, w := range web {
		i := max(0, slices.IndexFunc(found, func(st site) bool { return slices.Contains(w.names, st.host) }))
		for _, at := range w.files {
			if !slices.Contains(out[i], at) {
				out[i] = append(out[i], at)
			}
		}
	}
	return out
}
