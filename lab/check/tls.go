package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// versions are the TLS versions of a definition.
var versions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// startPorts are where protocols are spoken that TLS is asked for in.
var startPorts = map[string]int{"smtp": 25, "imap": 143, "pop3": 110, "ldap": 389, "postgres": 5432}

// tlsCheck makes a handshake with whatever version and certificate the server
// has, and then judges both: so the message can say all that is wrong.
func tlsCheck(ctx context.Context, s *lab.TLSCheck, at place) finding {
	port := 443
	if s.StartTLS != "" {
		port = startPorts[s.StartTLS]
	}
	return talk(ctx, at, s.Server, port, func(ctx context.Context, c *session) finding {
		c.limit(1 << 20)
		if s.StartTLS != "" {
			if _, err := startTLS(c, s.StartTLS); err != nil {
				return finding{err: err}
			}
		}
		name := orDefault(s.Name, s.Host)
		cfg := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS10, InsecureSkipVerify: true} //nolint:gosec // judged below
		t, err := handshake(ctx, c, cfg)
		if err != nil {
			return finding{err: err}
		}
		return judgeTLS(s, t.ConnectionState(), time.Now())
	})
}

// judgeTLS compares what was agreed on with what is wanted.
func judgeTLS(s *lab.TLSCheck, st tls.ConnectionState, now time.Time) finding {
	leaf := st.PeerCertificates[0] // a handshake has at least one
	f := finding{seen: tls.VersionName(st.Version), evidence: describeCert(st, leaf)}
	if least, ok := versions[s.MinVersion]; s.MinVersion != "" && (!ok || st.Version < least) {
		f.fault("%s, want at least TLS %s", tls.VersionName(st.Version), s.MinVersion)
	}
	if !s.Insecure {
		if err := verify(st, now); err != nil {
			f.fault("the certificate is not good: %v%s", err, insecureHint)
		}
		// Without verification the name is not asserted, but others may be.
		f.expectName(leaf, orDefault(s.Name, s.Host))
	}
	for _, n := range s.Names {
		f.expectName(leaf, n)
	}
	days := leaf.NotAfter.Sub(now).Hours() / 24
	f.expectNumber("certificate expires in", s.DaysLeft, math.Floor(days), "days")
	f.expect("subject", s.Subject, []byte(leaf.Subject.String()), false)
	f.expect("issuer", s.Issuer, []byte(leaf.Issuer.String()), false)
	return f
}

// verify checks the chain and the dates, but not the name.
func verify(st tls.ConnectionState, now time.Time) error {
	between := x509.NewCertPool()
	for _, c := range st.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := st.PeerCertificates[0].Verify(x509.VerifyOptions{Intermediates: between, CurrentTime: now})
	return err
}

func (f *finding) expectName(leaf *x509.Certificate, name string) {
	if err := leaf.VerifyHostname(name); err != nil {
		f.fault("the certificate is not good for %s: it is for %s", lab.Printable(name, 100), lab.Printable(list(certNames(leaf)), 200))
	}
}

func certNames(c *x509.Certificate) []string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// describeCert is what the evidence holds.
func describeCert(st tls.ConnectionState, c *x509.Certificate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: %s\ncipher suite: %s\n", tls.VersionName(st.Version), tls.CipherSuiteName(st.CipherSuite))
	fmt.Fprintf(&b, "subject: %s\nissuer: %s\nnames: %s\n", c.Subject, c.Issuer, list(certNames(c)))
	fmt.Fprintf(&b, "valid from: %s\nvalid until: %s\n", c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
	return b.String()
}
