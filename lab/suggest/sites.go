package suggest

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// webSite is a web site in the configuration of a machine's web server.
type webSite struct {
	names []string // of hosts
	root  string   // the folder that it shows, absolute
	files []string // pages below root, as paths of URLs with "/" first; best first
}

const (
	defaultRoot = "/var/www/html"
	maxRoots    = 10
	maxFiles    = 30 // of one site that are kept
)

// webSites reads lines of Apache's and nginx' configuration: where a site
// begins or ends, what it is called, what it shows. A site that does not say
// what it shows has what stands outside all sites.
func webSites(lines []string) []webSite {
	all := []webSite{{}} // the first is the server itself
	at := 0
	for _, line := range lines {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
		switch strings.ToLower(strings.TrimRight(key, ";{")) {
		case "<virtualhost", "server":
			all = append(all, webSite{})
			at = len(all) - 1
		case "</virtualhost>":
			at = 0
		case "servername", "serveralias", "server_name":
			all[at].names = append(all[at].names, siteNames([]string{line})...)
		case "documentroot", "root":
			all[at].root = cmp.Or(all[at].root, rootOf(value))
		}
	}
	fallback := cmp.Or(all[0].root, defaultRoot)
	if len(all) > 1 && all[0].root == "" {
		all = all[1:]
	}
	for i := range all {
		all[i].root = cmp.Or(all[i].root, fallback)
	}
	return all[:min(len(all), maxSites)]
}

// rootOf reads a folder's name in a server's configuration; empty: it is none
// to look into.
func rootOf(value string) string {
	value, _, _ = strings.Cut(value, ";")
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	if !path.IsAbs(value) || !plain(value) || strings.ContainsAny(value, "${}") || path.Clean(value) == "/" {
		return ""
	}
	return path.Clean(value)
}

// listing prints the pages in folders, those that a program makes first, then
// by depth and name; less than a Guest keeps of an output. Folders that hold no pages of their own are not entered,
// links to folders neither.
const listing = ` -mindepth 1 -maxdepth 3 -type d \( -name '.*' -o -iname '*include*' -o -iname inc -o -iname vendor -o -iname node_modules ` +
	`-o -iname 'lib*' -o -iname cache -o -iname 'te?mp' -o -iname tmp -o -iname 'temp*' -o -iname 'test*' -o -iname 'upload*' -o -iname wp-content \) -prune ` +
	`-o ! -type d ! -name '.*' \( ` +
	`\( -iname '*.php' -o -iname '*.cgi' -o -iname '*.aspx' \) -printf '0\t%d\t%H\t%P\n' ` +
	`-o \( -iname '*.html' -o -iname '*.htm' \) -printf '1\t%d\t%H\t%P\n' \) 2>/dev/null </dev/null | LC_ALL=C sort | head -c 200000; exit 0`

// linuxPages finds the pages of sites, where f has a port of the web.
func linuxPages(ctx context.Context, g lab.Guest, f *facts) error {
	var roots []string
	for _, w := range f.web {
		if !slices.Contains(roots, w.root) && len(roots) < maxRoots {
			roots = append(roots, w.root)
		}
	}
	serves := false
	for _, at := range f.ports {
		serves = serves || slices.Contains(webPorts, at.Port())
	}
	if !serves || len(roots) == 0 {
		return nil
	}
	text, err := ask(ctx, g, "timeout 30 find -H "+guest.Quote(roots...)+listing)
	if err != nil {
		return err
	}
	for i := range f.web {
		f.web[i].files = filesIn(f.web[i].root, text)
	}
	return nil
}

// filesIn are the pages of one folder in what listing printed.
func filesIn(root, text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(parts) != 4 || parts[2] != root || len(out) == maxFiles {
			continue
		}
		if at := "/" + parts[3]; path.Clean(at) == at && plain(at) && path.Ext(at) != "" && isPage(at) && !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out
}
