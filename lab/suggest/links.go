package suggest

import (
	"html"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// effects are words in the names of pages that may do something when they are
// merely looked at.
var effects = regexp.MustCompile(`(?i)log[-_]?(out|off)|sign[-_]?(out|off)|delete|remove|destroy|erase|purge|install|unsubscribe|` +
	`(^|[^a-z])(drop|reset|clear|flush|setup|upgrade|update|migrate|cron|cancel|send|stop|restart|reboot|shutdown|kill|backup|restore|import|export)([^a-z]|$)`)

// isPage reports whether a path may be asked for: it has a page's name and
// none that has an effect.
func isPage(at string) bool {
	kinds := []string{"", ".php", ".cgi", ".aspx", ".html", ".htm"}
	return slices.Contains(kinds, strings.ToLower(path.Ext(at))) && !effects.MatchString(at)
}

var anchors = regexp.MustCompile(`(?is)<a\s(?:[^>]*?\s)?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)

// linksOf are the pages of the same site that a page leads to, as paths, each
// once, in the page's order. Links with a query are left out.
func linksOf(at, body string) []string {
	base, err := url.Parse(at)
	if err != nil {
		return nil
	}
	var out []string
	for _, found := range anchors.FindAllStringSubmatch(body, 20*maxPages) {
		ref, err := base.Parse(strings.TrimSpace(html.UnescapeString(found[1] + found[2] + found[3])))
		if err != nil || ref.Scheme != base.Scheme || ref.Host != base.Host || ref.User != nil || ref.RawQuery != "" || ref.ForceQuery {
			continue
		}
		to := ref.Path
		if to != "" && to != "/" && to[0] == '/' && plain(to) && isPage(to) && !slices.Contains(out, to) {
			out = append(out, to)
		}
	}
	return out
}

// inTurn takes from a and b in turn, each thing once, at most limit.
func inTurn(a, b []string, limit int) []string {
	var out []string
	for i := range max(len(a), len(b)) {
		for _, list := range [][]string{a, b} {
			if i < len(list) && len(out) < limit && !slices.Contains(out, list[i]) {
				out = append(out, list[i])
			}
		}
	}
	return out
}
