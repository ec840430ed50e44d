package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// failure is why a message could not be sent: a text without secrets, and
// whether trying again may help.
type failure struct {
	text  string
	again bool
}

func (f *failure) Error() string { return f.text }

// causes are what may be said of an error of a service or library: what is
// looked for in its text, and what is said instead. The text itself can hold
// the URL, or a token that the other side repeats; and most services keep
// nothing but the text of what failed below them.
var causes = []struct {
	find, say string
	again     bool
}{
	{"connection refused", "connection refused", true},
	{"connection reset", "connection reset", true},
	{"no such host", "the host's name is not known", true},
	{"server misbehaving", "the host's name cannot be looked up", true},
	{"network is unreachable", "the network is unreachable", true},
	{"no route to host", "no route to the host", true},
	{"certificate", "the certificate is not accepted", false},
	{"tls: ", "TLS failed", false},
	{"server gave HTTP response to HTTPS client", "the server speaks HTTP, not HTTPS", false},
	{"Client.Timeout", "no answer in time", true},
	{"deadline exceeded", "no answer in time", true},
	{"i/o timeout", "no answer in time", true},
	{"broken pipe", "connection lost", true},
	{"EOF", "connection lost", true},
}

var (
	anyURL   = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://\S*`)
	anyReply = regexp.MustCompile(`(?i)(?:status|code|http|:)[^0-9\n]{0,30}\b([45][0-9]{2})\b`)
	smtpSaid = regexp.MustCompile(`(?:^|: )([45][0-9]{2})[ -]`)
)

// cause makes a failure of an error that may hold secrets. It keeps nothing
// of err but the three digits of a status; smtp tells whose they are.
func cause(err error, smtp bool) *failure {
	if errors.Is(err, context.DeadlineExceeded) {
		return &failure{"no answer in time", true}
	}
	text := anyURL.ReplaceAllString(err.Error(), "")
	for _, c := range causes {
		if strings.Contains(text, c.find) {
			return &failure{c.say, c.again}
		}
	}
	if found := smtpSaid.FindStringSubmatch(text); smtp && found != nil {
		return &failure{"the mail server answered " + found[1], false}
	}
	if found := anyReply.FindStringSubmatch(text); !smtp && found != nil {
		if code, _ := strconv.Atoi(found[1]); http.StatusText(code) != "" {
			return status(code)
		}
	}
	return &failure{"the service did not take it; why is not shown, since that can hold the URL's secrets", false}
}

// status is the failure that an HTTP status means. Its text is ours, not what
// the server wrote beside it.
func status(code int) *failure {
	f := &failure{
		text:  strings.TrimSpace(fmt.Sprintf("status %d %s", code, http.StatusText(code))),
		again: code >= 500 || code == http.StatusTooManyRequests,
	}
	if code >= 300 && code < 400 {
		f.text += ": redirects are not followed"
	}
	return f
}
