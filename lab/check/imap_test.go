package check

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/patchlab/patchlab/lab"
)

// literal is what imapmemserver appends.
type literal struct {
	io.Reader
	size int64
}

func (l literal) Size() int64 { return l.size }

// imapServer serves a mailbox of anna's.
func imapServer(t *testing.T, secure *tls.Config) (*imapmemserver.User, net.Addr) {
	box, all := imapmemserver.NewUser("anna", password), imapmemserver.New()
	for _, name := range []string{"INBOX", "Archive"} {
		if err := box.Create(name, nil); err != nil {
			t.Fatal(err)
		}
	}
	all.AddUser(box)
	s := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return all.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}}, TLSConfig: secure, InsecureAuth: secure == nil, Logger: log.New(io.Discard, "", 0),
	})
	l, done := listenHere(t), make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return box, l.Addr()
}

func messages(t *testing.T, box *imapmemserver.User) uint32 {
	t.Helper()
	st, err := box.Status("INBOX", &imap.StatusOptions{NumMessages: true})
	if err != nil {
		t.Fatal(err)
	}
	return *st.NumMessages
}

func TestIMAP(t *testing.T) {
	box, addr := imapServer(t, nil)
	_, err := box.Append("INBOX", literal{strings.NewReader("Subject: x\r\n\r\n"), 14}, &imap.AppendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, secureAddr := imapServer(t, authority.server(100))
	plain, start := here(addr, lab.Plain), here(secureAddr, lab.StartTLS)
	noTLS := plain
	noTLS.Security = lab.StartTLS
	for name, c := range map[string]struct {
		spec    lab.IMAPCheck
		passed  bool
		message string
	}{
		"greeting":       {lab.IMAPCheck{Server: plain}, true, "ADDR greets"},
		"mailbox":        {lab.IMAPCheck{Server: as(plain, "anna", password), Messages: at(1)}, true, "mailbox INBOX opened, 1 messages"},
		"too few":        {lab.IMAPCheck{Server: as(plain, "anna", password), Messages: at(2)}, false, "1 messages, want exactly 2"},
		"another":        {lab.IMAPCheck{Server: as(plain, "anna", password), Mailbox: "Archive", Messages: at(0)}, true, "mailbox Archive opened, 0 messages"},
		"none such":      {lab.IMAPCheck{Server: as(plain, "anna", password), Mailbox: "Spam"}, false, "cannot open mailbox Spam: imap: NO [NONEXISTENT] No such mailbox"},
		"wrong password": {lab.IMAPCheck{Server: as(plain, "anna", "x")}, false, "cannot log in as anna: imap: NO [AUTHENTICATIONFAILED] Authentication failed"},
		"STARTTLS":       {lab.IMAPCheck{Server: as(start, "anna", password)}, true, "mailbox INBOX opened"},
		"no STARTTLS":    {lab.IMAPCheck{Server: as(noTLS, "anna", password)}, false, "no TLS by STARTTLS: the server does not offer it"},
	} {
		t.Run(name, func(t *testing.T) {
			wantMessage(t, make1(t, &c.spec, &machine{}, long), c.spec.Server, c.passed, c.message)
		})
	}
}
