package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	"github.com/nicholas-fedor/shoutrrr/pkg/util"

	"github.com/patchlab/patchlab/lab"
)

// titled are the services of shoutrrr that show a title; to the others the
// subject is sent as the first line.
var titled = []string{
	"bark", "discord", "gotify", "join", "lark", "ntfy", "pushbullet",
	"pushover", "slack", "smtp", "teams", "telegram",
}

const (
	// silent is shoutrrr's service that tells nobody.
	silent = "logger"
	// generic is its webhook, which has a title only in some templates.
	generic = "generic"
	// loginFirst asks its server when a URL is looked at.
	loginFirst = "matrix"
	// bySMTP has no limit worth mentioning; the other services' are as low as
	// 4096 characters, beyond which some refuse the message.
	bySMTP      = "smtp"
	maxChatText = 3500 // bytes
)

// serviceName is the service of shoutrrr that a URL is for.
func serviceName(u *url.URL) string {
	name, _, _ := strings.Cut(strings.ToLower(u.Scheme), "+")
	return name
}

// checkService says what is wrong with the URL of a service, without showing
// it.
func checkService(u *url.URL) error {
	name := serviceName(u)
	known := new(router.ServiceRouter).ListServices()
	known = slices.DeleteFunc(known, func(s string) bool { return s == silent })
	if !slices.Contains(known, name) {
		slices.Sort(known)
		return fmt.Errorf("no such kind of target: want %s:, %shttps:, or one of %s",
			mailScheme, webhookPrefix, strings.Join(known, ", "))
	}
	if name == loginFirst {
		return nil
	}
	if _, err := locate(u); err != nil {
		return fmt.Errorf("this is not how a URL for %s is written: see shoutrrr's documentation", name)
	}
	return nil
}

// locate makes the service of a URL, quiet. Errors may hold secrets.
func locate(u *url.URL) (s types.Service, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the service's code failed")
		}
	}()
	// As the router's Locate does it, which keeps the cause to itself.
	name := serviceName(u)
	if s, err = new(router.ServiceRouter).NewService(name); err != nil {
		return nil, err
	}
	if u.Scheme != name { // as generic+https
		custom, ok := s.(types.CustomURLService)
		if !ok {
			return nil, errors.New("not a URL of its kind")
		}
		if u, err = custom.GetConfigURLFromCustom(u); err != nil {
			return nil, err
		}
	}
	return s, s.Initialize(u, util.DiscardLogger)
}

// sendService sends m by a service of shoutrrr. These know no context: one
// that does not answer is left behind when ctx ends, and not tried again.
func sendService(ctx context.Context, u *url.URL, m Message) *failure {
	done := make(chan *failure, 1)
	go func() {
		defer func() {
			if recover() != nil {
				done <- &failure{text: "the service's code failed"}
			}
		}()
		done <- deliver(u, m)
	}()
	select {
	case f := <-done:
		return f
	case <-ctx.Done():
		return &failure{text: "no answer in time"}
	}
}

// deliver sends m, and waits for as long as the service does.
func deliver(u *url.URL, m Message) *failure {
	s, err := locate(u)
	if err != nil {
		return cause(err, serviceName(u) == bySMTP)
	}
	text, params := shaped(serviceName(u), m)
	if err := s.Send(text, &params); err != nil {
		return cause(err, serviceName(u) == bySMTP)
	}
	return nil
}

// shaped is m as the service takes it.
func shaped(name string, m Message) (string, types.Params) {
	text, params := m.Text, types.Params{}
	subject := m.Subject
	if name == bySMTP {
		subject = encodeHeader(subject)
	}
	if name == generic || slices.Contains(titled, name) {
		params.SetTitle(subject)
	}
	if !slices.Contains(titled, name) {
		text = m.Subject + "\n\n" + text
	}
	if name != bySMTP && name != generic && len(text) > maxChatText {
		rest := "\n(cut; the whole is on " + m.Host + ")"
		text = lab.PrintableText(text, max(maxChatText-len(rest), 0)) + rest
	}
	if strings.TrimSpace(text) == "" {
		text = m.Subject // some refuse an empty message
	}
	return text, params
}
