package notify

import (
	"fmt"
	"net/url"
	"strings"
)

// When says which results are told.
type When string

// Occasions.
const (
	OnFail   When = "fail"   // anything but a pass
	OnChange When = "change" // another result than the time before, anything new that is no pass, and a pass with a fault
	Always   When = "always"
)

// Target is somewhere to send to: a line "WHEN URL" of the configuration.
type Target struct {
	When When   `json:"when"`
	URL  string `json:"-"` // secret: never shown whole, see Name
}

// The ways of sending that are not shoutrrr's.
const (
	mailScheme    = "mailto"
	webhookPrefix = "webhook+"
)

// Name is the target without what is secret: scheme and host of a webhook,
// scheme and first domain of mail, the scheme alone of everything else, whose
// host often is the token.
func (t Target) Name() string {
	u, err := url.Parse(t.URL)
	if err != nil || u.Scheme == "" {
		return "a target whose URL cannot be read"
	}
	switch {
	case u.Scheme == mailScheme:
		if to, err := mailAddresses(u); err == nil {
			return mailScheme + ":" + to[0][strings.LastIndexByte(to[0], '@')+1:]
		}
		return mailScheme
	case strings.HasPrefix(u.Scheme, webhookPrefix):
		return u.Scheme + "://" + u.Host
	}
	scheme, _, _ := strings.Cut(u.Scheme, "+")
	return scheme
}

// String is the target without what is secret.
func (t Target) String() string { return string(t.When) + " " + t.Name() }

// GoString is the target without what is secret.
func (t Target) GoString() string { return fmt.Sprintf("notify.Target{%s}", t.String()) }

// check says what is wrong with the target, without showing its URL.
func (t Target) check() error {
	switch t.When {
	case OnFail, OnChange, Always:
	default:
		return fmt.Errorf("want %s, %s or %s, then a URL", OnFail, OnChange, Always)
	}
	u, err := url.Parse(t.URL)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("what follows %q is not a URL", t.When)
	}
	switch {
	case u.Scheme == mailScheme:
		_, err = newMail(u)
	case strings.HasPrefix(u.Scheme, webhookPrefix):
		_, err = webhookURL(u)
	default:
		err = checkService(u)
	}
	return err
}
