package suggest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/check"
)

// What is proposed for the network passes with the checks as they are made in
// a run: a site, one with a certificate of its own making, a mail server's
// greeting, and a port.
func TestSuggestWithRealChecks(t *testing.T) {
	w := newWorld(t)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "<title>Intranet</title>")
	}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	mail := greeter(t, "* OK ready\r\n")
	for _, g := range w.guests {
		text := "== tcp\n"
		if g.m.Name == "web" {
			for _, port := range []string{"0050", "01BB", "008F", "1538", "1539"} { // 80, 443, 143, 5432, 5433
				text += "0: 00000000:" + port + " 00000000:0000 0A\n"
			}
		}
		g.reply = func(string) (string, int) { return text, 0 }
		g.dial["web.harbour.lan:443"] = secure.Listener.Addr().String()
		g.dial["web.harbour.lan:143"] = mail
		g.dial["web.harbour.lan:5432"] = mail
	}
	w.lab.Machines = w.lab.Machines[:2]
	got, err := Suggest(t.Context(), w.lab, w, network{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range got {
		names = append(names, s.Check.Name)
		if s.Comment == "" {
			t.Errorf("%s: it does not say what was seen", s.Check.Name)
		}
	}
	want := []string{
		"web: http://www.harbour.lan/ answers, from desk",
		"web: http://web.harbour.lan/ answers, from desk",
		"web: mailboxes on port 143, from desk",
		"web: https://web.harbour.lan/ answers, from desk",
		"web: certificate of web.harbour.lan on port 443, from desk",
		"web: port 5432, from desk",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// network makes the checks over the network, and no others.
type network struct{ check.Runner }

func (n network) RunCheck(ctx context.Context, c *lab.Check, at lab.Place) lab.CheckResult {
	switch c.Spec.(type) {
	case *lab.TCPCheck, *lab.HTTPCheck, *lab.TLSCheck:
		return n.Runner.RunCheck(ctx, c, at)
	}
	return lab.CheckResult{}
}

// greeter is a server that says one thing to everybody.
func greeter(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}
