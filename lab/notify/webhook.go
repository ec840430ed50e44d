package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer is the most that is read of a webhook's answer, in bytes: what it
// says is not shown, but a connection that was read to its end ends in order.
const maxAnswer = 64 << 10

// webhookURL is where a webhook's target posts to.
func webhookURL(u *url.URL) (*url.URL, error) {
	out := *u
	out.Scheme = strings.TrimPrefix(u.Scheme, webhookPrefix)
	if out.Scheme != "http" && out.Scheme != "https" || out.Hostname() == "" {
		return nil, errors.New("a webhook is webhook+https://HOST… or webhook+http://HOST…")
	}
	return &out, nil
}

// sendWebhook posts m as JSON. Every status from 200 to 299 means that it was
// taken; redirects are not followed, as they could lead the tokens elsewhere.
func sendWebhook(ctx context.Context, u *url.URL, m Message) *failure {
	to, err := webhookURL(u)
	if err != nil {
		return &failure{text: err.Error()}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return &failure{text: "the message cannot be written as JSON"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return &failure{text: "its URL cannot be used"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "patchlab")
	client := &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return cause(err, false)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return status(res.StatusCode)
	}
	return nil
}
