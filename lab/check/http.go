package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// web asks for a page and looks at status, headers and body.
func web(ctx context.Context, s *lab.HTTPCheck, at place) finding {
	req, err := request(ctx, s)
	if err != nil {
		return finding{err: err}
	}
	resp, err := client(s, at).Do(req)
	if err != nil {
		return finding{err: withHint(unwrapURL(err))}
	}
	defer func() { _ = resp.Body.Close() }()
	f := finding{seen: fmt.Sprintf("status %d", resp.StatusCode)}
	if s.Status != 0 && resp.StatusCode != s.Status {
		f.faults = append(f.faults, fmt.Sprintf("status %d, want %d", resp.StatusCode, s.Status))
	}
	f.expectHeaders(s.Header, resp.Header)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxText+1))
	cut := len(body) > maxText
	body = body[:min(len(body), maxText)]
	f.evidence = answerText(resp, body)
	if err != nil {
		f.faults = append(f.faults, fmt.Sprintf("body broke off after %d bytes", len(body)))
		f.err = brokenBody(err)
		return f
	}
	f.expect("body", s.Body, body, cut)
	return f
}

func request(ctx context.Context, s *lab.HTTPCheck) (*http.Request, error) {
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL, strings.NewReader(s.Send))
	if err != nil {
		return nil, err
	}
	for k, v := range s.Headers {
		if textproto.CanonicalMIMEHeaderKey(k) == "Host" {
			req.Host = v // net/http ignores it among the headers
			continue
		}
		req.Header.Set(k, v)
	}
	return req, nil
}

// client makes each attempt over connections of its own, dialled from the
// check's place: no proxy and no name server of this host has a part in it.
func client(s *lab.HTTPCheck, at place) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := at.Dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, dialError(err, at, addr)
				}
				return c, nil
			},
			DisableKeepAlives:  true,
			DisableCompression: true,                                        // what is matched is what was sent
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: s.Insecure}, //nolint:gosec // only where the definition says so
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > s.Redirects {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// unwrapURL drops net/http's prefix, which repeats the check's URL.
func unwrapURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// brokenBody keeps what says more than that the body broke off: the time is
// up or the machine is gone.
func brokenBody(err error) error {
	_, machine := errors.AsType[*lab.GuestError](err)
	if machine || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || isTimeout(err) {
		return err
	}
	return nil
}

// expectHeaders adds what is wrong with the answer's headers. One that is not
// there has no text, so nothing holds for it.
func (f *finding) expectHeaders(want map[string]lab.Match, got http.Header) {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		values := got.Values(k)
		if len(values) == 0 && !want[k].IsZero() {
			f.faults = append(f.faults, "header "+k+" is missing")
			continue
		}
		f.expect("header "+k, want[k], []byte(strings.Join(values, ", ")), false)
	}
}

// answerText is the answer as it is kept for evidence.
func answerText(resp *http.Response, body []byte) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", resp.Proto, resp.Status)
	_ = resp.Header.Write(&b) // a buffer takes all
	b.WriteByte('\n')
	b.Write(body[:min(len(body), maxEvidence)])
	return b.String()
}
