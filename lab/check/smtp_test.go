package check

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/patchlab/patchlab/lab"
)

// post takes mail for anna@harbour.lan, and puts it into a mailbox unless it
// is nil.
type post struct {
	box  *imapmemserver.User
	late time.Duration // how long it keeps a message
	mu   sync.Mutex
	mail []string
	wg   sync.WaitGroup
}

type postSession struct{ p *post }

func (s postSession) Reset()                                   {}
func (s postSession) Logout() error                            { return nil }
func (s postSession) AuthMechanisms() []string                 { return []string{sasl.Plain} }
func (s postSession) Mail(_ string, _ *smtp.MailOptions) error { return nil }

func (s postSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != "anna" || pass != password {
			// A careless server repeats what it was told.
			return &smtp.SMTPError{Code: 535, Message: "no: " + user + " " + pass}
		}
		return nil
	}), nil
}

func (s postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to != "anna@harbour.lan" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	return nil
}

func (s postSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.p.mu.Lock()
	s.p.mail = append(s.p.mail, string(text))
	s.p.mu.Unlock()
	if s.p.box != nil {
		s.p.wg.Go(func() {
			time.Sleep(s.p.late)
			_, _ = s.p.box.Append("INBOX", literal{bytes.NewReader(text), int64(len(text))}, &imap.AppendOptions{})
		})
	}
	return nil
}

// smtpServer serves p. With secure it has STARTTLS, and login only behind it.
func smtpServer(t *testing.T, p *post, secure *tls.Config) net.Addr {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return postSession{p}, nil }))
	s.Domain, s.TLSConfig, s.AllowInsecureAuth, s.ErrorLog = "mail.harbour.lan", secure, secure == nil, log.New(io.Discard, "", 0)
	l, done := listenHere(t), make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done; p.wg.Wait() })
	return l.Addr()
}

func TestSMTP(t *testing.T) {
	p := &post{}
	plain := here(smtpServer(t, p, nil), lab.Plain)
	start := here(smtpServer(t, p, authority.server(100)), lab.StartTLS)
	mine := here(smtpServer(t, p, newCA("Own CA").server(100)), lab.StartTLS)
	noTLS := plain
	noTLS.Security = lab.StartTLS
	unprotected := start
	unprotected.Security = lab.Plain
	for name, c := range map[string]struct {
		spec    lab.SMTPCheck
		passed  bool
		message string
	}{
		"greeting":        {lab.SMTPCheck{Server: plain}, true, "ADDR answers"},
		"login":           {lab.SMTPCheck{Server: as(plain, "anna", password)}, true, "ADDR answers, logged in as anna"},
		"wrong password":  {lab.SMTPCheck{Server: as(plain, "anna", password+"x")}, false, "cannot log in as anna: SMTP error 535: no: anna (sensitive)"},
		"accepted":        {lab.SMTPCheck{Server: plain, From: "check@harbour.lan", To: "anna@harbour.lan"}, true, "ADDR answers, message accepted"},
		"recipient":       {lab.SMTPCheck{Server: plain, From: "check@harbour.lan", To: "otto@harbour.lan"}, false, "recipient otto@harbour.lan is refused: SMTP error 550: no such user"},
		"injection":       {lab.SMTPCheck{Server: plain, From: "a@b>\r\nRCPT TO:<x", To: "anna@harbour.lan"}, false, ""},
		"STARTTLS":        {lab.SMTPCheck{Server: as(start, "anna", password), From: "check@harbour.lan", To: "anna@harbour.lan"}, true, "ADDR answers, logged in as anna, message accepted"},
		"no STARTTLS":     {lab.SMTPCheck{Server: as(noTLS, "anna", password)}, false, "no TLS by STARTTLS: the server does not offer it"},
		"login wants TLS": {lab.SMTPCheck{Server: as(unprotected, "anna", password)}, false, "cannot log in as anna: the server offers no login on this connection"},
		"own authority":   {lab.SMTPCheck{Server: mine}, false, "no TLS: tls: failed to verify certificate: x509: certificate signed by unknown authority (insecure = true accepts any certificate)"},
		"insecure":        {lab.SMTPCheck{Server: insecure(mine)}, true, "ADDR answers"},
	} {
		t.Run(name, func(t *testing.T) {
			res := make1(t, &c.spec, &machine{}, long)
			if name == "injection" {
				if silent(t, res); res.Passed {
					t.Errorf("passed: %s", res.Message)
				}
				return
			}
			wantMessage(t, res, c.spec.Server, c.passed, c.message)
		})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mail) != 2 || !strings.Contains(p.mail[0], "\r\nSubject: patchlab-") || p.mail[0] == p.mail[1] {
		t.Errorf("mail %q", p.mail)
	}
}

func TestSMTPDelivery(t *testing.T) {
	for _, secure := range []bool{false, true} {
		var cfg *tls.Config
		security := lab.Plain
		if secure {
			cfg, security = authority.server(100), lab.StartTLS
		}
		box, addr := imapServer(t, cfg)
		p := &post{box: box, late: 700 * time.Millisecond}
		s := here(smtpServer(t, p, cfg), security)
		spec := &lab.SMTPCheck{
			Server: s, From: "check@harbour.lan", To: "anna@harbour.lan",
			Deliver: &lab.Delivery{Server: as(here(addr, security), "anna", password)},
		}
		_, err := box.Append("INBOX", literal{strings.NewReader("Subject: other\r\n\r\n"), 18}, &imap.AppendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wantMessage(t, make1(t, spec, &machine{}, long), s, true, "ADDR answers, message accepted, arrived in mailbox INBOX of anna")
		if n := messages(t, box); n != 1 {
			t.Errorf("%d messages left, want the one that was there", n)
		}
		p.box = nil // mail gets lost now
		res := make1(t, spec, &machine{}, time.Second)
		want(t, res, false, "not done within 1s; the message was accepted, but was not seen in mailbox INBOX of anna")
		spec.Deliver.Password = "wrong"
		res = make1(t, spec, &machine{}, long)
		if res.Passed || !strings.Contains(res.Message, "cannot log in as anna: ") || !strings.Contains(res.Message, "the message was accepted, but was not seen") {
			t.Errorf("passed %t, %q", res.Passed, res.Message)
		}
	}
}
