package suggest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxSites = 20 // at one port
	// fetchLimit is how long looking at one site may take.
	fetchLimit = 20 * time.Second
	maxPage    = 256 << 10
)

// page is what a web server answers.
type page struct {
	url      string
	status   int
	body     string // the first time, cut at maxPage
	text     string // that the page has each time; may be empty
	insecure bool   // its certificate does not verify
}

// site is a web site's start page, and where it was found.
type site struct {
	page
	scheme, host string
}

// fetch gets the start page of a site twice, over TLS where that is spoken.
func fetch(ctx context.Context, d lab.Dialer, host string, port uint16) (site, error) {
	schemes := []string{"http", "https"}
	if port == 443 || port == 8443 || port == 9443 {
		schemes = []string{"https", "http"}
	}
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	var err error
	for _, scheme := range schemes {
		var p page
		at := siteURL(scheme, host, port)
		p, err = twice(ctx, d, at, false)
		if certificateFault(err) {
			p, err = twice(ctx, d, at, true)
		}
		if err == nil && scheme == "http" && p.status == http.StatusBadRequest {
			err = errors.New("it refuses plain HTTP")
		}
		if err == nil || errors.Is(err, errUnsteady) {
			return site{p, scheme, host}, err
		}
	}
	return site{}, err
}

var errUnsteady = errors.New("it answers differently each time")

// twice gets a page two times. Errors: errUnsteady; those of the connection.
func twice(ctx context.Context, d lab.Dialer, at string, insecure bool) (page, error) {
	p, err := get(ctx, d, at, insecure)
	if err != nil {
		return page{}, err
	}
	again, err := get(ctx, d, at, insecure)
	if err != nil {
		return page{}, err
	}
	if again.status != p.status {
		return page{}, errUnsteady
	}
	p.text = textOf(p.body, again.body)
	return p, nil
}

// siteURL is the address of a site's start page.
func siteURL(scheme, host string, port uint16) string {
	if scheme == "http" && port == 80 || scheme == "https" && port == 443 {
		return scheme + "://" + host + "/"
	}
	return fmt.Sprintf("%s://%s:%d/", scheme, host, port)
}

func get(ctx context.Context, d lab.Dialer, url string, insecure bool) (page, error) {
	client := http.Client{
		Transport: &http.Transport{
			DialContext:        d.DialContext,
			DisableKeepAlives:  true,
			DisableCompression: true,                                      // as in the check
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: insecure}, //nolint:gosec // a lab's certificate may be of its own making: the check then says so
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return page{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return page{}, err
	}
	return page{url: url, status: res.StatusCode, body: string(body), insecure: insecure}, nil
}

// certificateFault reports whether a server's certificate does not verify.
func certificateFault(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	return unverified || host
}
