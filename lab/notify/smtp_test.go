package notify

import (
	"io"
	"mime"
	"net"
	"net/mail"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

// mailbox is a mail server on loopback that keeps what it is given, or
// refuses every recipient.
type mailbox struct {
	got    chan string
	refuse bool
}

func (b *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return b, nil }

// Reset implements smtp.Session.
func (b *mailbox) Reset() {}

// Logout implements smtp.Session.
func (b *mailbox) Logout() error { return nil }

// Mail implements smtp.Session.
func (b *mailbox) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (b *mailbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	if b.refuse {
		return &smtp.SMTPError{Code: 550, Message: "no t0ken here for " + to}
	}
	return nil
}

// Data implements smtp.Session.
func (b *mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	b.got <- string(text)
	return err
}

// serve starts the server and returns its address.
func (b *mailbox) serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := smtp.NewServer(b)
	s.Domain = "localhost"
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return l.Addr().String()
}

func TestSMTP(t *testing.T) {
	b := &mailbox{got: make(chan string, 2)}
	m := message()
	m.Subject = "patchlab: fail: Zahnärzte: Größe"
	text, params := shaped("smtp", m)
	if title, _ := params.Title(); text != m.Text || !strings.HasPrefix(title, "=?utf-8?") {
		t.Errorf("%q", title)
	}
	n := &Notifier{Targets: []Target{{Always, "smtp://" + b.serve(t) + "/?fromAddress=lab@example.com&toAddresses=jane@example.com"}}}
	if err := n.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got, err := mail.ReadMessage(strings.NewReader(<-b.got))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	body, _ := io.ReadAll(got.Body)
	if err != nil || subject != m.Subject || !strings.Contains(string(body), "the patch booking-broken failed") {
		t.Errorf("%v, %q, %q", err, subject, body)
	}
}

func TestSMTPRefuses(t *testing.T) {
	b := &mailbox{got: make(chan string, 2), refuse: true}
	err := send(t, "smtp://"+b.serve(t)+"/?fromAddress=lab@example.com&toAddresses=t0ken@example.com")
	hides(t, err)
	if err == nil || !strings.HasSuffix(err.Error(), "the mail server answered 550") {
		t.Error(err)
	}
}
