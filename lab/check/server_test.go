package check

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const password = "geheim&123"

// here is a server on loopback.
func here(addr net.Addr, security lab.Security) lab.Server {
	return lab.Server{Host: "127.0.0.1", Port: addr.(*net.TCPAddr).Port, Security: security}
}

func as(s lab.Server, user, password string) lab.Server {
	s.User, s.Password = user, password
	return s
}

func insecure(s lab.Server) lab.Server {
	s.Insecure = true
	return s
}

func at(n float64) lab.Range { return lab.Range{Min: &n, Max: &n} }

// wantMessage compares a result with a message in which ADDR is where s is.
func wantMessage(t *testing.T, res lab.CheckResult, s lab.Server, passed bool, message string) {
	t.Helper()
	res.Message = strings.ReplaceAll(res.Message, serverAddrOf(s, 0), "ADDR")
	want(t, res, passed, message)
	silent(t, res)
}

// silent makes sure that no password is told.
func silent(t *testing.T, res lab.CheckResult) {
	t.Helper()
	if strings.Contains(res.Message+res.Evidence, password) {
		t.Errorf("a password is told: %q, %q", res.Message, res.Evidence)
	}
}

// listenHere gives a listener on loopback that ends with the test.
func listenHere(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// talkers are all kinds that speak with a server.
func talkers(s lab.Server) map[string]lab.CheckSpec {
	login := as(s, "anna", password)
	all := map[string]lab.CheckSpec{
		"smtp": &lab.SMTPCheck{Server: login, From: "a@harbour.lan", To: "b@harbour.lan"},
		"imap": &lab.IMAPCheck{Server: login}, "pop3": &lab.POP3Check{Server: login},
		"ldap": &lab.LDAPCheck{Server: login, Base: "dc=harbour"}, "smb": &lab.SMBCheck{Server: login, Share: "data"},
		"ssh": &lab.SSHCheck{Server: insecure(login), Run: "true"}, "tls": &lab.TLSCheck{Server: s},
	}
	for _, d := range []string{"postgres", "mysql", "sqlserver"} {
		all[d] = &lab.SQLCheck{Server: login, Driver: d, Query: "select 1"}
		secure := login
		secure.Security = lab.TLS
		all[d+" tls"] = &lab.SQLCheck{Server: secure, Driver: d, Query: "select 1"}
	}
	for _, p := range []string{"smtp", "imap", "pop3", "ldap", "postgres"} {
		all["tls in "+p] = &lab.TLSCheck{Server: s, StartTLS: p}
	}
	return all
}

// TestHostileServers makes every kind meet servers that are none.
func TestHostileServers(t *testing.T) {
	// The limits of what may come are long passed before time is up.
	for name, feed := range map[string][]byte{
		"silence": nil, "zeros": make([]byte, 64<<10), "ones": bytes.Repeat([]byte{0xff}, 64<<10),
		"text": bytes.Repeat([]byte("220-x\r\n"), 9000), "imap": bytes.Repeat([]byte("* OK [CAPABILITY IMAP4rev1] (((((((((((((\r\n"), 1500), "no line": bytes.Repeat([]byte("* ("), 20000),
		"nested": bytes.Repeat([]byte{0x30, 0x80}, 32<<10), "long": bytes.Repeat([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, 10000),
		"mysql": append([]byte{0xff, 0xff, 0xff, 0, 10}, bytes.Repeat([]byte("8.0.1\x00"), 10000)...),
		"smb":   bytes.Repeat(append([]byte{0, 0, 0, 64, 0xfe, 'S', 'M', 'B', 64, 0}, append(make([]byte, 14), append([]byte{0xff, 0xff, 0xff, 0x7f}, make([]byte, 40)...)...)...), 900),
		"ssh":   append([]byte("SSH-2.0-x\r\n"), bytes.Repeat([]byte{0x7f}, 60000)...),
		"pg":    bytes.Repeat([]byte{'S', 0x7f, 0xff, 0xff, 0xff}, 12000), "pg auth": append([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3}, bytes.Repeat([]byte{'R', 0, 0, 0, 4}, 12000)...),
		"tds": bytes.Repeat([]byte{4, 1, 0x7f, 0xff, 0, 0, 1, 0}, 8000),
	} {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, func(c net.Conn) {
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				go func() { _, _ = io.Copy(io.Discard, c) }()
				for len(feed) > 0 {
					if _, err := c.Write(feed); err != nil {
						return
					}
				}
				_, _ = c.Read(make([]byte, 1<<20))
			})
			for kind, spec := range talkers(here(addr, lab.Plain)) {
				start := time.Now()
				res := make1(t, spec, &machine{}, short)
				if res.Passed {
					t.Errorf("%s passes: %s", kind, res.Message)
				}
				if took := time.Since(start); took > grace+3*time.Second {
					t.Errorf("%s takes %v: %s", kind, took, res.Message)
				}
				silent(t, res)
			}
		})
	}
}

func TestRefusedByEveryKind(t *testing.T) {
	l := listenHere(t)
	_ = l.Close()
	for kind, spec := range talkers(here(l.Addr(), lab.Plain)) {
		res := make1(t, spec, &machine{}, long)
		if res.Passed || !strings.Contains(res.Message, "connection refused") {
			t.Errorf("%s: passed %t, %q", kind, res.Passed, res.Message)
		}
	}
}

func TestLostMachineIsNamedByEveryKind(t *testing.T) {
	m := &machine{dial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			_, _ = far.Read(make([]byte, 1)) // nil where the server speaks first
			_ = far.Close()
		}()
		time.AfterFunc(10*time.Millisecond, func() { _ = far.Close() })
		return &lostConn{near}, nil
	}}
	for kind, spec := range talkers(lab.Server{Host: "db.harbour.lan"}) {
		res := make1(t, spec, m, long)
		if res.Passed || !strings.Contains(res.Message, "the SSH connection was lost") {
			t.Errorf("%s: passed %t, %q", kind, res.Passed, res.Message)
		}
	}
}

func TestNamesAreResolvedAtThePlace(t *testing.T) {
	for kind, spec := range talkers(lab.Server{Host: "db.harbour.lan", Port: 77}) {
		asked := ""
		m := &machine{dial: func(_ context.Context, network, addr string) (net.Conn, error) {
			asked = network + " " + addr
			return nil, errors.New("no")
		}}
		make1(t, spec, m, long)
		if asked != "tcp db.harbour.lan:77" {
			t.Errorf("%s dials %q", kind, asked)
		}
	}
}

func TestPasswordsAreMasked(t *testing.T) {
	f := finding{
		seen: "geheim", faults: []string{"said Z2VoZWlt"}, evidence: "geheim geheim",
		err: &lab.GuestError{Machine: "a", Op: "b", Err: errors.New("no geheim")},
	}.mask("geheim", "")
	if f.seen != "(sensitive)" || f.faults[0] != "said (sensitive)" || f.evidence != "(sensitive) (sensitive)" || strings.Contains(f.err.Error(), "geheim") {
		t.Errorf("%+v", f)
	}
	if _, ok := errors.AsType[*lab.GuestError](f.err); !ok {
		t.Error("the error's kind is lost")
	}
	if f := (finding{seen: "a cat says a"}).mask("a"); f.seen != "(sensitive) cat says (sensitive)" {
		t.Errorf("short: %q", f.seen)
	}
}

// A client that computes on does not keep the check.
func TestTalkLeavesAClientBehind(t *testing.T) {
	addr := says(t, "", true)
	free := make(chan struct{})
	defer close(free)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	f := talk(ctx, place{Place: lab.Place{Dialer: &machine{}}}, here(addr, lab.Plain), 1, func(context.Context, *session) finding {
		<-free
		return finding{seen: "late"}
	})
	if f.passed() {
		t.Errorf("%+v", f)
	}
	f = talk(t.Context(), place{Place: lab.Place{Dialer: &machine{}}}, here(addr, lab.Plain), 1, func(context.Context, *session) finding { panic("odd") })
	if f.err == nil || !strings.Contains(f.err.Error(), "cannot be read: odd") {
		t.Errorf("%+v", f)
	}
}
