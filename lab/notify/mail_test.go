package notify

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeSendmail is a script in sendmail's place.
type fakeSendmail struct {
	command []string
	out     string
}

// sendmail makes a script that may write to the file $OUT.
func sendmail(t *testing.T, script string) *fakeSendmail {
	t.Helper()
	dir := t.TempDir()
	f := &fakeSendmail{out: filepath.Join(dir, "out")}
	path := filepath.Join(dir, "sendmail")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	f.command = []string{"/usr/bin/env", "OUT=" + f.out, "sh", path, "-i", "-t"}
	return f
}

func (f *fakeSendmail) got(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(f.out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mailed sends m by mail and reads what sendmail got.
func mailed(t *testing.T, url string, m Message) (*mail.Message, string) {
	t.Helper()
	f := sendmail(t, `cat >"$OUT"`)
	n := &Notifier{Targets: []Target{{Always, url}}, Sendmail: f.command}
	if err := n.Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	raw := f.got(t)
	if strings.Contains(raw, "\r") {
		t.Error("a carriage return for sendmail")
	}
	for line := range strings.Lines(raw) {
		if len(line) > 300 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	got, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	if err != nil {
		t.Fatal(err)
	}
	return got, string(body)
}

func TestMail(t *testing.T) {
	m := message()
	m.Text = "dental: the patch broke “Buchung”\n.\nFrom here on\n" + strings.Repeat("long ", 200) + "\n"
	got, body := mailed(t, "mailto:jane@example.com,joe@example.org", m)
	if body != m.Text {
		t.Errorf("%q", body)
	}
	for name, want := range map[string]string{
		"From": "patchlab <patchlab@spare>", "Subject": m.Subject, "Mime-Version": "1.0",
		"Content-Type": "text/plain; charset=utf-8", "Auto-Submitted": "auto-generated",
		"Date": "Mon, 23 Nov 2026 12:00:00 +0000",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
		}
	}
	to, err := got.Header.AddressList("To")
	if err != nil || len(to) != 2 || to[1].Address != "joe@example.org" {
		t.Error(to, err)
	}
	if id := got.Header.Get("Message-Id"); !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, "@spare>") {
		t.Error(id)
	}
}

func TestMailFrom(t *testing.T) {
	got, _ := mailed(t, "mailto:jane@example.com?from=lab%2Bnight@example.com", message())
	if from := got.Header.Get("From"); from != "patchlab <lab+night@example.com>" {
		t.Error(from)
	}
}

// Nothing that a lab or a host is called adds a header.
func TestMailHeadersCannotBeInjected(t *testing.T) {
	for _, evil := range []string{
		"x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com\n\nhello", "x\rBcc: eve@example.com",
		"=?utf-8?q?x=0ABcc:_eve@example.com?=", "äöü\u2028Bcc: eve@example.com", strings.Repeat("ü", 500) + "\nBcc: eve@example.com",
	} {
		m := message()
		m.Host, m.Subject = evil, evil
		m.Results[0].Lab = evil
		got, _ := mailed(t, "mailto:jane@example.com", m)
		if len(got.Header) != 9 || got.Header.Get("Bcc") != "" {
			t.Errorf("%q: %v", evil, got.Header)
		}
		if subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject")); err != nil || strings.ContainsAny(subject, "\r\n") {
			t.Errorf("%q, %v", subject, err)
		}
	}
}

func TestMailWithANameThatIsNotASCII(t *testing.T) {
	m := message()
	m.Subject = "patchlab: fail: Zahnärzte: Größe " + strings.Repeat("ß", 60)
	got, _ := mailed(t, "mailto:jane@example.com", m)
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("%q, %v", subject, err)
	}
}

func TestMailThatSendmailRefuses(t *testing.T) {
	f := sendmail(t, `cat >/dev/null; echo first >&2; printf 'cannot relay for \033[2Jjane@example.com\n' >&2; exit 75`)
	n := &Notifier{Targets: []Target{{Always, "mailto:jane@example.com"}}, Sendmail: f.command}
	err := n.Send(context.Background(), message())
	want := "cannot notify mailto:example.com (target 1 of 1): sendmail: exit status 75: cannot relay for (address)"
	if err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestSendmailThatHangs(t *testing.T) {
	f := sendmail(t, `sleep 60 & wait`)
	n := &Notifier{Targets: []Target{{Always, "mailto:jane@example.com"}}, Sendmail: f.command, Timeout: 100 * time.Millisecond}
	err := n.Send(context.Background(), message())
	if err == nil || !strings.Contains(err.Error(), "sendmail did not end in time") {
		t.Error(err)
	}
}

func TestSendmailThatSaysMuch(t *testing.T) {
	f := sendmail(t, `cat >/dev/null; head -c 20000000 /dev/zero; exit 1`)
	n := &Notifier{Targets: []Target{{Always, "mailto:jane@example.com"}}, Sendmail: f.command}
	if err := n.Send(context.Background(), message()); err == nil || len(err.Error()) > 500 {
		t.Errorf("%.500v", err)
	}
}

func TestWithoutSendmail(t *testing.T) {
	n := &Notifier{Targets: []Target{{Always, "mailto:jane@example.com"}}, Sendmail: []string{"/nonexistent/sendmail"}}
	err := n.Send(context.Background(), message())
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	command, err := new(Notifier).sendmail()
	if err == nil && !strings.HasPrefix(command[0], "/usr/") {
		t.Error(command)
	}
}

func TestSendmailIsFoundInPATH(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sendmail"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	command, err := new(Notifier).sendmail()
	if err != nil || strings.Join(command, " ") != filepath.Join(dir, "sendmail")+" -i -t" {
		t.Error(command, err)
	}
}

func FuzzMailHeader(f *testing.F) {
	f.Add("x\r\nBcc: eve@example.com", "h", "t")
	f.Add("\xff\u2028", "h\n", ".\n")
	f.Fuzz(func(t *testing.T, subject, host, text string) {
		m := Message{Subject: subject, Host: host, Text: text, Time: noon}
		clean := m.redacted(func(s string) string { return s })
		raw := letter{to: []string{"jane@example.com"}}.bytes(clean)
		got, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil || len(got.Header) != 9 {
			t.Errorf("%v: %q", err, raw)
		}
	})
}
