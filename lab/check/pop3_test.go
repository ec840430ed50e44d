package check

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// pop3Server is one of anna's with two messages.
func pop3Server(t *testing.T, secure *tls.Config) net.Addr {
	return serve(t, func(c net.Conn) { pop3Session(c, secure) })
}

func pop3Session(c net.Conn, secure *tls.Config) {
	_, _ = io.WriteString(c, "+OK hello\r\n")
	for {
		line, err := readLine(c)
		if err != nil {
			return
		}
		answer := "-ERR what?"
		switch line {
		case "STLS":
			if secure != nil {
				_, _ = io.WriteString(c, "+OK go\r\n")
				c = tls.Server(c, secure)
				continue
			}
		case "USER anna", "PASS " + password:
			answer = "+OK"
		case "STAT":
			answer = "+OK 2 320"
		case "USER odd":
			answer = "+OK"
		case "PASS odd":
			answer = "-ERR odd is no password"
		case "QUIT":
			return
		}
		_, _ = io.WriteString(c, answer+"\r\n")
	}
}

func TestPOP3(t *testing.T) {
	plain, start := here(pop3Server(t, nil), lab.Plain), here(pop3Server(t, authority.server(100)), lab.StartTLS)
	secure := here(serve(t, func(c net.Conn) { pop3Session(tls.Server(c, authority.server(100)), nil) }), lab.TLS)
	noTLS, plainTLS := plain, plain
	plainTLS.Security = lab.TLS
	noTLS.Security = lab.StartTLS
	for name, c := range map[string]struct {
		spec    lab.POP3Check
		passed  bool
		message string
	}{
		"greeting":       {lab.POP3Check{Server: plain}, true, "ADDR greets"},
		"messages":       {lab.POP3Check{Server: as(plain, "anna", password), Messages: at(2)}, true, "logged in as anna, 2 messages"},
		"too many":       {lab.POP3Check{Server: as(plain, "anna", password), Messages: at(0)}, false, "2 messages, want exactly 0"},
		"wrong password": {lab.POP3Check{Server: as(plain, "odd", "odd")}, false, `cannot log in as (sensitive): the server says "-ERR (sensitive) is no password"`},
		"two lines":      {lab.POP3Check{Server: as(plain, "anna\r\nDELE 1", password)}, false, `cannot log in as anna\r\nDELE 1: a command of several lines`},
		"STARTTLS":       {lab.POP3Check{Server: as(start, "anna", password)}, true, "logged in as anna"},
		"TLS":            {lab.POP3Check{Server: as(secure, "anna", password), Messages: at(2)}, true, "logged in as anna, 2 messages"},
		"no TLS":         {lab.POP3Check{Server: as(plainTLS, "anna", password)}, false, "no TLS: tls: first record does not look like a TLS handshake"},
		"no STARTTLS":    {lab.POP3Check{Server: as(noTLS, "anna", password)}, false, `no TLS by STARTTLS: the server says "-ERR what?"`},
	} {
		t.Run(name, func(t *testing.T) {
			wantMessage(t, make1(t, &c.spec, &machine{}, long), c.spec.Server, c.passed, c.message)
		})
	}
}
