package check

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func tlsServer(t *testing.T, cfg *tls.Config) *net.TCPAddr {
	return serve(t, func(c net.Conn) {
		t := tls.Server(c, cfg)
		_ = t.Handshake()
		_ = t.Close()
	})
}

func TestTLS(t *testing.T) {
	good := here(tlsServer(t, authority.server(24*30+1, "mail.harbour.lan", "*.harbour.lan")), lab.TLS)
	expired := here(tlsServer(t, authority.server(-1)), lab.TLS)
	own := here(tlsServer(t, newCA("Own CA").server(24*30+1, "mail.harbour.lan")), lab.TLS)
	oldConfig := authority.server(24 * 30)
	oldConfig.MinVersion, oldConfig.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	old := here(tlsServer(t, oldConfig), lab.TLS)
	plain := here(says(t, "220 hello\r\n", false), lab.TLS)
	least := func(n float64) lab.Range { return lab.Range{Min: &n} }
	for name, c := range map[string]struct {
		server  lab.Server
		spec    lab.TLSCheck
		passed  bool
		message string
	}{
		"good":         {good, lab.TLSCheck{DaysLeft: least(30)}, true, "TLS 1.3, certificate expires in 30 days"},
		"short":        {good, lab.TLSCheck{DaysLeft: least(31)}, false, "certificate expires in 30 days, want at least 31"},
		"name":         {good, lab.TLSCheck{Name: "mail.harbour.lan", Names: []string{"www.harbour.lan"}}, true, "TLS 1.3"},
		"wrong name":   {good, lab.TLSCheck{Name: "mail.other.lan"}, false, "the certificate is not good for mail.other.lan: it is for mail.harbour.lan, *.harbour.lan, 127.0.0.1"},
		"wrong names":  {good, lab.TLSCheck{Server: lab.Server{Insecure: true}, Names: []string{"harbour.lan"}}, false, "the certificate is not good for harbour.lan: it is for mail.harbour.lan, *.harbour.lan, 127.0.0.1"},
		"version":      {good, lab.TLSCheck{MinVersion: "1.3"}, true, "TLS 1.3"},
		"old":          {old, lab.TLSCheck{MinVersion: "1.2"}, false, "TLS 1.0, want at least TLS 1.2"},
		"old is seen":  {old, lab.TLSCheck{}, true, "TLS 1.0"},
		"subject":      {good, lab.TLSCheck{Subject: lab.Match{Equals: "CN=mail,O=Harbour Dental"}, Issuer: lab.Match{Contains: "CN=Harbour CA"}}, true, `TLS 1.3, subject is "CN=mail,O=Harbour Dental", issuer contains "CN=Harbour CA"`},
		"wrong issuer": {good, lab.TLSCheck{Issuer: lab.Match{Contains: "Let's Encrypt"}}, false, `issuer does not contain "Let's Encrypt"`},
		"insecure":     {own, lab.TLSCheck{Server: lab.Server{Insecure: true}, DaysLeft: least(30)}, true, "TLS 1.3, certificate expires in 30 days"},
		"no TLS":       {plain, lab.TLSCheck{}, false, "no TLS: tls: first record does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Server = lab.Server{Host: c.server.Host, Port: c.server.Port, Security: lab.TLS, Insecure: c.spec.Insecure}
			res := make1(t, &c.spec, &machine{}, long)
			want(t, res, c.passed, c.message)
			if c.passed && (!strings.Contains(res.Evidence, " CA,O=Harbour Dental\n") || !strings.Contains(res.Evidence, "valid until: 20")) {
				t.Errorf("evidence %q", res.Evidence)
			}
		})
	}
	for s, part := range map[*lab.Server]string{&expired: "expired", &own: "unknown authority"} {
		res := make1(t, &lab.TLSCheck{Server: *s}, &machine{}, long)
		if res.Passed || !strings.Contains(res.Message, part) || !strings.Contains(res.Message, "insecure = true") {
			t.Errorf("%s: passed %t, %q", part, res.Passed, res.Message)
		}
	}
}

func TestTLSInPostgresAndLDAP(t *testing.T) {
	cfg := authority.server(100)
	start := func(size int, answer string) lab.Server {
		return here(serve(t, func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, size))
			_, _ = io.WriteString(c, answer)
			t := tls.Server(c, cfg)
			_ = t.Handshake()
			_ = t.Close()
		}), lab.StartTLS)
	}
	for name, c := range map[string]struct {
		protocol, answer string
		size             int
		message          string
	}{
		"postgres":         {"postgres", "S", 8, ""},
		"postgres without": {"postgres", "N", 8, "no TLS by STARTTLS: the server does not offer it"},
		"ldap":             {"ldap", "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", 31, ""},
		"ldap, long":       {"ldap", "\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00", 31, ""},
		"ldap refused":     {"ldap", "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00", 31, "no TLS by STARTTLS: the server refuses it with result 52"},
		"no ldap":          {"ldap", "\x30\x03\x02\x01\x01", 31, "no TLS by STARTTLS: the server does not answer in LDAP"},
	} {
		t.Run(name, func(t *testing.T) {
			res := make1(t, &lab.TLSCheck{Server: start(c.size, c.answer), StartTLS: c.protocol}, &machine{}, long)
			want(t, res, c.message == "", orDefault(c.message, "TLS 1.3"))
		})
	}
}
