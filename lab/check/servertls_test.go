package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// authority is one that this process trusts as it does this host's own.
var authority = newAuthority()

type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() *ca {
	c := newCA("Harbour CA")
	f, err := os.CreateTemp("", "patchlab-roots-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := errors.Join(pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw}), f.Close(), os.Setenv("SSL_CERT_FILE", f.Name())); err != nil {
		panic(err)
	}
	if _, err := x509.SystemCertPool(); err != nil { // read now, once for all
		panic(err)
	}
	return c
}

func newCA(name string) *ca {
	c := &ca{}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Harbour Dental"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	c.cert, c.key = c.sign(t)
	return c
}

// sign makes a certificate; the authority's own while it has none.
func (c *ca) sign(t *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	parent, by := c.cert, c.key
	if parent == nil {
		parent, by = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, by)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert, key
}

// server makes the configuration of a server with a certificate for this
// host's loopback and names, for so many hours.
func (c *ca) server(hours int, names ...string) *tls.Config {
	cert, key := c.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail", Organization: []string{"Harbour Dental"}},
		NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: time.Now().Add(time.Duration(hours) * time.Hour),
		DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// startServer offers what a protocol's server says before TLS. Lines are what
// it answers each of the client's with.
func startServer(t *testing.T, cfg *tls.Config, greeting string, lines ...string) *net.TCPAddr {
	return serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, greeting)
		for _, l := range lines {
			if _, err := readLine(c); err != nil {
				return
			}
			_, _ = io.WriteString(c, l)
		}
		t := tls.Server(c, cfg)
		_ = t.Handshake()
		_ = t.Close()
	})
}

func TestStartTLSIsNotGoneWithout(t *testing.T) {
	cfg := authority.server(100)
	for name, c := range map[string]struct {
		protocol, greeting string
		lines              []string
		message            string // empty: it passes
	}{
		"smtp":                    {"smtp", "220-hello\r\n220 you\r\n", []string{"250-mail\r\n250 STARTTLS\r\n", "220 go\r\n"}, ""},
		"smtp without":            {"smtp", "220 hello\r\n", []string{"250 mail\r\n"}, "no TLS by STARTTLS: the server does not offer it"},
		"smtp refused":            {"smtp", "220 hello\r\n", []string{"250 STARTTLS\r\n", "454 no\r\n"}, `no TLS by STARTTLS: the server says "454 no", want 220`},
		"smtp with a voice":       {"smtp", "220 hello\r\n", []string{"250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"}, "no TLS: tls: first record does not look like a TLS handshake"},
		"imap":                    {"imap", "* OK hello\r\n", []string{"* CAPABILITY IMAP4rev1 STARTTLS\r\nt OK\r\n", "t OK go\r\n"}, ""},
		"imap without":            {"imap", "* OK hello\r\n", []string{"* CAPABILITY IMAP4rev1\r\nt OK\r\n"}, "no TLS by STARTTLS: the server does not offer it"},
		"imap of somebody else":   {"imap", "* PREAUTH hello\r\n", nil, `no TLS by STARTTLS: the server says "* PREAUTH hello", want * OK`},
		"imap refused":            {"imap", "* OK hello\r\n", []string{"* CAPABILITY STARTTLS\r\nt OK\r\n", "t NO no\r\n"}, `no TLS by STARTTLS: the server says "NO no" to STARTTLS`},
		"pop3":                    {"pop3", "+OK hello\r\n", []string{"+OK go\r\n"}, ""},
		"pop3 refused":            {"pop3", "+OK hello\r\n", []string{"-ERR no\r\n"}, `no TLS by STARTTLS: the server says "-ERR no"`},
		"unknown":                 {"ftp", "", nil, `no TLS by STARTTLS: nothing is known of TLS in "ftp"`},
		"smtp says nothing clear": {"smtp", "500 busy\r\n", nil, `no TLS by STARTTLS: the server says "500 busy", want 220`},
	} {
		t.Run(name, func(t *testing.T) {
			s := here(startServer(t, cfg, c.greeting, c.lines...), lab.StartTLS)
			res := make1(t, &lab.TLSCheck{Server: s, StartTLS: c.protocol}, &machine{}, long)
			wantMessage(t, res, s, c.message == "", orDefault(c.message, "TLS 1.3"))
		})
	}
}
