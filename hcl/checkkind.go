package hcl

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// needText reads free text that must not be empty. That it is missing is
// reported already.
func (r *reader) needText(name string) string {
	text, ok := r.text(name, "")
	if ok && strings.TrimSpace(text) == "" {
		r.fail(r.rangeOf(name), "Empty value", "%q of %s is empty.", name, r.what)
	}
	return text
}

// needLine reads a name or address: one line without spaces.
func (r *reader) needLine(name string) string {
	text := r.needText(name)
	if text != "" && strings.TrimSpace(text) != "" && (!isLine(text) || strings.ContainsRune(text, ' ')) {
		r.fail(r.rangeOf(name), "Invalid text", "%q of %s must be one word.", name, r.what)
	}
	return text
}

func readHTTP(r *reader) *lab.HTTPCheck {
	c := &lab.HTTPCheck{
		URL: r.url("url"), Method: r.method("method"), Headers: r.headers("headers"),
		Status: r.number("status", 100, 599, 0), Body: r.match("body"), Header: r.headerMatches("header"),
		Redirects: r.number("redirects", 0, 20, 0), Insecure: r.boolean("insecure", false),
	}
	c.Send, _ = r.text("send", "")
	if !r.has("status") && !r.has("body") && !r.has("header") && r.has("url") && !r.doubtful() {
		r.fail(r.self.DefRange(), "Empty check", "The %s asserts nothing: it takes \"status\", \"body\" or \"header\".", r.what)
	}
	return c
}

// url reads the URL of a web page.
func (r *reader) url(name string) string {
	text := r.needText(name)
	if strings.TrimSpace(text) == "" {
		return text
	}
	const want = `a URL such as "http://www.harbour.lan/page"`
	u, err := url.Parse(text)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" {
		return text
	}
	// The text may hold a secret, and so may err.
	shown := describe(first(r.value(name)))
	r.fail(r.rangeOf(name), "Invalid URL", "%q of %s must be %s; this is %s.", name, r.what, want, shown)
	return text
}

func first[T any](v T, _ bool) T { return v }

var methodPattern = regexp.MustCompile(`^[A-Z]{1,20}$`)

func (r *reader) method(name string) string {
	text, ok := r.str(name, "GET")
	if ok && !methodPattern.MatchString(text) {
		hint := ""
		if upper := strings.ToUpper(text); methodPattern.MatchString(upper) {
			hint = didYouMean(upper)
		}
		r.fail(r.rangeOf(name), "Unknown value", "%q of %s must be an HTTP method such as \"POST\"; this is %q.%s", name, r.what, text, hint)
	}
	return text
}

// headerMatches reads a map from header names to assertions.
func (r *reader) headerMatches(name string) map[string]lab.Match {
	items, ok := r.entries(name, `a map, such as { "Content-Type" = "text/html" }`)
	if ok && len(items) == 0 {
		r.fail(r.rangeOf(name), "Empty assertion", "%q of %s asserts nothing: it is an empty map.", name, r.what)
	}
	out := map[string]lab.Match{}
	for _, i := range items {
		key, isName := r.headerName(name, i)
		if _, again := out[key]; again {
			r.fail(i.at, "Duplicate name", "%q of %s has the header %q twice: case does not matter in these names.", name, r.what, key)
		}
		if m := r.matchOf(name, i); isName {
			out[key] = m
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

var unitPattern = regexp.MustCompile(`^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*$`)

func readService(r *reader) *lab.ServiceCheck {
	c := &lab.ServiceCheck{Active: r.optionalBool("active"), Enabled: r.optionalBool("enabled")}
	var ok bool
	if c.Unit, ok = r.str("unit", ""); ok && !unitPattern.MatchString(c.Unit) {
		r.fail(r.rangeOf("unit"), "Invalid name", "\"unit\" of %s must be the name of a service, such as \"apache2\"; this is %q.", r.what, c.Unit)
	}
	if !r.has("active") && !r.has("enabled") && r.has("unit") && !r.doubtful() {
		r.fail(r.self.DefRange(), "Empty check", "The %s asserts nothing: it takes \"active\", \"enabled\" or both.", r.what)
	}
	return c
}

func (r *reader) optionalBool(name string) *bool {
	a := r.body.Attributes[name]
	if a == nil {
		return nil
	}
	is, ok := r.boolOf(a)
	if !ok {
		return nil
	}
	return &is
}

func readDNS(r *reader) *lab.DNSCheck {
	c := &lab.DNSCheck{
		Name: r.needLine("name"),
		Type: oneOf(r, "type", "A",
			"A", "AAAA", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "TLSA", "TXT"),
		Rcode: oneOf(r, "rcode", "NOERROR", "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"),
	}
	if r.has("server") {
		c.Server = r.needLine("server")
	}
	if r.has("answers") {
		c.Answers = append([]string{}, r.texts("answers")...) // empty: there must be none
	}
	if !r.has("answers") && !r.has("rcode") && r.has("name") && !r.doubtful() {
		r.fail(r.self.DefRange(), "Empty check", "The %s asserts nothing: it takes \"answers\", \"rcode\" or both.", r.what)
	}
	return c
}
