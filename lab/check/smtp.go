package check

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/patchlab/patchlab/lab"
)

const (
	// heloName is who greets where no address says better: many servers want
	// a name with a domain.
	heloName = "localhost.localdomain"
	// maxMailTalk is how much a mail server may send in one answer, in bytes.
	maxMailTalk = 256 << 10
)

// smtpCheck has a message accepted, and looks for it where it has to arrive.
func smtpCheck(ctx context.Context, s *lab.SMTPCheck, at place) finding {
	token := "patchlab-" + strings.ToLower(rand.Text())
	f := talk(ctx, at, s.Server, portOf(s.Server, 25, 465), func(ctx context.Context, c *session) finding {
		c.limit(maxMailTalk)
		conn, err := protect(ctx, c, s.Server, "smtp")
		if err != nil {
			return finding{err: err}
		}
		client := smtp.NewClient(conn)
		f := finding{seen: c.addr + " answers"}
		f.err = mail(client, s, token, &f)
		if f.err == nil {
			_, _ = io.WriteString(conn, "QUIT\r\n") // nothing depends on the answer
		}
		return f
	})
	if f.passed() && s.To != "" && s.Deliver != nil {
		arrived := arrives(ctx, s.Deliver, token, at)
		arrived.seen = f.seen + ", " + arrived.seen
		arrived.evidence = f.evidence + arrived.evidence
		f = arrived
	}
	return f.mask(s.Password)
}

// mail goes as far as the definition says. The error names the step.
func mail(client *smtp.Client, s *lab.SMTPCheck, token string, f *finding) error {
	helo := heloName
	if _, domain, ok := strings.Cut(s.From, "@"); ok && domain != "" {
		helo = domain
	}
	if err := client.Hello(helo); err != nil {
		return fmt.Errorf("the server does not greet: %w", err)
	}
	if s.User != "" {
		if err := smtpLogin(client, s.Server); err != nil {
			return fmt.Errorf("cannot log in as %s: %w", s.User, err)
		}
		f.seen += ", logged in as " + s.User
	}
	if s.To == "" {
		return nil
	}
	if err := client.Mail(s.From, nil); err != nil {
		return fmt.Errorf("sender %s is refused: %w", s.From, err)
	}
	if err := client.Rcpt(s.To, nil); err != nil {
		return fmt.Errorf("recipient %s is refused: %w", s.To, err)
	}
	data, err := client.Data()
	if err != nil {
		return fmt.Errorf("the message is refused: %w", err)
	}
	if _, err := io.WriteString(data, message(s, token)); err != nil {
		return fmt.Errorf("cannot send the message: %w", err)
	}
	answer, err := data.CloseWithResponse()
	if err != nil {
		return fmt.Errorf("the message is refused: %w", err)
	}
	f.seen += ", message accepted"
	f.evidence = "message " + token + ": " + answer.StatusText + "\n"
	return nil
}

// smtpLogin uses a way that the server offers.
func smtpLogin(client *smtp.Client, s lab.Server) error {
	switch {
	case client.SupportsAuth(sasl.Plain):
		return client.Auth(sasl.NewPlainClient("", s.User, s.Password))
	case client.SupportsAuth(sasl.Login):
		return client.Auth(sasl.NewLoginClient(s.User, s.Password))
	}
	_, offers := client.Extension("AUTH")
	if offers == "" {
		return errors.New("the server offers no login on this connection")
	}
	return fmt.Errorf("the server offers only %s, want PLAIN or LOGIN", quoted(offers))
}

// message can be told from every other by its token.
func message(s *lab.SMTPCheck, token string) string {
	return strings.Join([]string{
		"From: <" + s.From + ">", "To: <" + s.To + ">", "Subject: " + token,
		"Date: " + time.Now().Format(time.RFC1123Z), "Message-ID: <" + token + "@patchlab.invalid>",
		"Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "",
		"A check of patchlab sent this message. It can be deleted.", "",
	}, "\r\n")
}
