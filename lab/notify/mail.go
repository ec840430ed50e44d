package notify

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// letter is what a mailto URL asks for.
type letter struct {
	to   []string // addresses
	from string   // address; empty: patchlab at the message's host
}

// newMail reads a mailto URL. Errors do not show it.
func newMail(u *url.URL) (letter, error) {
	to, err := mailAddresses(u)
	if err != nil {
		return letter{}, err
	}
	l := letter{to: to}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return letter{}, errors.New("what follows the ? of a mailto URL cannot be read")
	}
	for key, values := range query {
		if key != "from" || len(values) != 1 {
			return letter{}, errors.New("a mailto URL takes nothing but one from=ADDR")
		}
		if !isAddress(values[0]) {
			return letter{}, errors.New("from= is not followed by a mail address")
		}
		l.from = values[0]
	}
	return l, nil
}

// mailAddresses are the recipients that a mailto URL names, at least one.
func mailAddresses(u *url.URL) ([]string, error) {
	list, err := url.PathUnescape(u.Opaque)
	if err != nil || list == "" {
		return nil, errors.New("mailto: is followed by addresses, with commas between them")
	}
	all := strings.Split(list, ",")
	for i, a := range all {
		if !isAddress(a) {
			return nil, fmt.Errorf("address %d of the mailto URL is not a mail address", i+1)
		}
	}
	return all, nil
}

// plainAddress leaves no character that means something in a header.
var plainAddress = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9.-]+$`)

// isAddress reports whether s is a bare mail address and nothing else.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && plainAddress.MatchString(s) && s[0] != '-'
}

// sendMail gives m to sendmail, which delivers or queues it.
func (n *Notifier) sendMail(ctx context.Context, u *url.URL, m Message) *failure {
	l, err := newMail(u)
	if err != nil {
		return &failure{text: err.Error()}
	}
	command, err := n.sendmail()
	if err != nil {
		return &failure{text: err.Error()}
	}
	said := &tail{}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // what the operator set, and no shell
	cmd.Stdin = bytes.NewReader(l.bytes(m))
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = time.Second // what it started may hold its output open
	if err = cmd.Run(); err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &failure{text: "sendmail did not end in time"}
	}
	text := "sendmail: " + err.Error()
	if last := n.lastWords(said.String(), append(l.to, l.from)); last != "" {
		text += ": " + last
	}
	return &failure{text: text}
}

// lastWords is the last line that sendmail said, without the addresses, which
// are of the target's URL.
func (n *Notifier) lastWords(said string, addresses []string) string {
	for _, a := range addresses {
		if a != "" {
			said = strings.ReplaceAll(said, a, "(address)")
		}
	}
	said = strings.TrimSpace(said)
	return lab.Printable(n.redact(said[strings.LastIndexByte(said, '\n')+1:]), 300)
}

// sendmail is the command that takes a message on its standard input and
// the recipients from its header. Cron's PATH has no sbin.
func (n *Notifier) sendmail() ([]string, error) {
	if len(n.Sendmail) > 0 {
		return n.Sendmail, nil
	}
	for _, name := range []string{"sendmail", "/usr/sbin/sendmail", "/usr/lib/sendmail"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path, "-i", "-t"}, nil
		}
	}
	return nil, errors.New("there is no sendmail on this host: install a mail server, or msmtp-mta")
}

// bytes is m as RFC 5322 wants it, with line ends of one character, as
// sendmail wants them.
func (l letter) bytes(m Message) []byte {
	host := m.Host
	if !plainHost.MatchString(host) {
		host = "localhost"
	}
	from := l.from
	if from == "" {
		from = "patchlab@" + host
	}
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", "patchlab <" + from + ">"},
		{"To", strings.Join(l.to, ",\n ")},
		{"Subject", strings.ReplaceAll(encodeHeader(m.Subject), "?= =?", "?=\n =?")},
		{"Date", m.Time.Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", fmt.Sprintf("<%d.%s@%s>", m.Time.Unix(), rand.Text(), host)},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
		{"Auto-Submitted", "auto-generated"},
	} {
		fmt.Fprintf(&b, "%s: %s\n", h[0], h[1])
	}
	b.WriteByte('\n')
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.TrimRight(m.Text, "\n"))) // a buffer takes all
	_ = w.Close()
	return append(bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")), '\n')
}

var plainHost = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// encodeHeader makes one header line of s, whatever is in it. What looks
// encoded already is not left for a mail reader to decode.
func encodeHeader(s string) string {
	s = strings.ReplaceAll(lab.Printable(s, maxSubject), "=?", "= ?")
	return mime.QEncoding.Encode("utf-8", s)
}

// tail keeps the last bytes that were written to it.
type tail struct{ b []byte }

const maxTail = 4 << 10 // bytes

// Write keeps the end of p.
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > maxTail {
		t.b = append(t.b[:0], t.b[len(t.b)-maxTail:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
