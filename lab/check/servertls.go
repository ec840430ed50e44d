package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// tlsConfig is how s is verified: by this host's certificate authorities.
func tlsConfig(s lab.Server) *tls.Config {
	return &tls.Config{ServerName: s.Host, InsecureSkipVerify: s.Insecure} //nolint:gosec // only where the definition says so
}

// handshake turns c into a TLS connection.
func handshake(ctx context.Context, c net.Conn, cfg *tls.Config) (*tls.Conn, error) {
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("no TLS: %w", err)
	}
	return t, nil
}

// protect makes c as secure as s says: protocol is what STARTTLS is asked for
// in. A greeting that was read for that is read again from what is returned.
func protect(ctx context.Context, c *session, s lab.Server, protocol string) (net.Conn, error) {
	switch s.Security {
	case lab.TLS:
		return handshake(ctx, c, tlsConfig(s))
	case lab.StartTLS:
		greeting, err := startTLS(c, protocol)
		if err != nil {
			return nil, err
		}
		t, err := handshake(ctx, c, tlsConfig(s))
		if err != nil {
			return nil, err
		}
		return &greeted{t, io.MultiReader(strings.NewReader(greeting), t)}, nil
	}
	return c, nil
}

// greeted is a connection on which a greeting is read first.
type greeted struct {
	net.Conn
	r io.Reader
}

// Read implements net.Conn.
func (g *greeted) Read(b []byte) (int, error) { return g.r.Read(b) }

// withHint adds what a definition can say to a certificate that nobody signed
// whom this host knows.
func withHint(err error) error {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	if !unverified && !unknown {
		return err
	}
	return &reworded{err.Error() + insecureHint, err}
}

const insecureHint = " (insecure = true accepts any certificate)"
