package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/patchlab/patchlab/lab"
)

// says returns a service that sends text; it keeps the connection open until
// the client goes when open.
func says(t *testing.T, text string, open bool) *net.TCPAddr {
	return serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		if open {
			_, _ = io.Copy(io.Discard, c)
		}
	})
}

func TestTCP(t *testing.T) {
	for _, c := range []struct {
		name    string
		text    string
		open    bool
		expect  lab.Match
		timeout bool // reached
		passed  bool
		message string
	}{
		{"connects", "", true, lab.Match{}, false, true, "connected to ADDR"},
		{"greeting, left open", "220 mail\r\n", true, lab.Match{Contains: "220"}, false, true, `connected to ADDR, answer contains "220"`},
		{"wrong greeting, closed", "554 no\r\n", false, lab.Match{Contains: "220"}, false, false, `answer does not contain "220"`},
		{"wrong greeting, left open", "554 no\r\n", true, lab.Match{Contains: "220"}, true, false, `not done within 200ms; answer does not contain "220"`},
		{"nothing", "", false, lab.Match{NotContains: "error"}, false, false, `connected to ADDR, but nothing came back`},
		{"silence", "", true, lab.Match{NotContains: "error"}, true, false, `not done within 200ms; connected to ADDR, but nothing came back`},
		{"not in a whole answer", "fine", false, lab.Match{NotContains: "error"}, false, true, `connected to ADDR, answer does not contain "error"`},
		{"not so far, left open", "fine", true, lab.Match{NotContains: "error"}, true, false, `not done within 200ms; answer is known only in its first 4 bytes, so that it cannot be said not to contain "error"`},
		{"both, left open", "220 fine", true, lab.Match{Contains: "220", NotContains: "error"}, false, true, `connected to ADDR, answer contains "220"`},
		{"contains what it must not", "220 error", true, lab.Match{Contains: "220", NotContains: "error"}, false, false, `answer contains "error"`},
		{"flood", strings.Repeat("y", maxGreeting+1), true, lab.Match{NotContains: "x"}, false, false, `answer is known only in its first 65536 bytes, so that it cannot be said not to contain "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := says(t, c.text, c.open)
			timeout := long
			if c.timeout {
				timeout = short
			}
			res := make1(t, &lab.TCPCheck{Host: "127.0.0.1", Port: addr.Port, Expect: c.expect}, &machine{}, timeout)
			res.Message = strings.ReplaceAll(res.Message, addr.String(), "ADDR")
			want(t, res, c.passed, c.message)
		})
	}
}

func TestTCPLateForbiddenWord(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "220 fine\r\n")
		_, _ = c.Read(make([]byte, 1)) // what the check sends: the rest comes after it was read
		_, _ = io.WriteString(c, "error\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	res := make1(t, &lab.TCPCheck{Host: "127.0.0.1", Port: addr.Port, Send: "x", Expect: lab.Match{Contains: "220", NotContains: "error"}}, &machine{}, long)
	want(t, res, false, `answer contains "error"`)
}

func TestTCPFromUnreachablePlaces(t *testing.T) {
	refused := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("connection refused") }
	lost := func(context.Context, string, string) (net.Conn, error) {
		return nil, &lab.GuestError{Machine: "desk", Op: "reach", Err: errors.New("the machine is off")}
	}
	spec := &lab.TCPCheck{Host: "db.harbour.lan", Port: 5432}
	want(t, make1(t, spec, &machine{dial: lost}, long), false, `the check could not be made from desk: cannot reach machine "desk": the machine is off`)
	c := &lab.Check{FromNet: &lab.Network{Name: "office"}, Timeout: long, Spec: spec}
	res := Runner{}.RunCheck(t.Context(), c, lab.Place{Dialer: &machine{dial: refused}})
	want(t, res, false, "cannot connect to db.harbour.lan:5432 from the gateway of office: connection refused")
}

func TestHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", "2.4")
		fmt.Fprintf(w, "12 free slots for %s by %s", r.Host, r.Method)
	})
	mux.HandleFunc("/500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "PHP Fatal error\x1b[31m", 500) })
	mux.Handle("/moved", http.RedirectHandler("/moved2", http.StatusFound))
	mux.Handle("/moved2", http.RedirectHandler("/ok", http.StatusFound))
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxText+1)) })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	for _, c := range []struct {
		name    string
		spec    lab.HTTPCheck
		path    string
		timeout bool
		passed  bool
		message string
	}{
		{"page", lab.HTTPCheck{Status: 200, Body: lab.Match{Contains: "free slots"}}, "/ok", false, true, `status 200, body contains "free slots"`},
		{"status", lab.HTTPCheck{Status: 200}, "/500", false, false, "status 500, want 200"},
		{"body", lab.HTTPCheck{Body: lab.Match{Contains: "free slots"}}, "/500", false, false, `body does not contain "free slots"`},
		{"both", lab.HTTPCheck{Status: 200, Body: lab.Match{Contains: "free slots"}}, "/500", false, false, `status 500, want 200; body does not contain "free slots"`},
		{"header", lab.HTTPCheck{Header: map[string]lab.Match{"X-Version": {Equals: "2.4"}}}, "/ok", false, true, `status 200, header X-Version is "2.4"`},
		{"missing header", lab.HTTPCheck{Header: map[string]lab.Match{"X-Powered-By": {NotContains: "PHP/5"}}}, "/ok", false, false, "header X-Powered-By is missing"},
		{"host and method", lab.HTTPCheck{Method: "POST", Send: "x", Headers: map[string]string{"host": "www.harbour.lan"}, Body: lab.Match{Contains: "for www.harbour.lan by POST"}}, "/ok", false, true, `status 200, body contains "for www.harbour.lan by POST"`},
		{"redirect is the answer", lab.HTTPCheck{Status: 302, Header: map[string]lab.Match{"Location": {Equals: "/moved2"}}}, "/moved", false, true, `status 302, header Location is "/moved2"`},
		{"one redirect of two", lab.HTTPCheck{Status: 200, Redirects: 1}, "/moved", false, false, "status 302, want 200"},
		{"two redirects of two", lab.HTTPCheck{Status: 200, Redirects: 2}, "/moved", false, true, "status 200"},
		{"body breaks off", lab.HTTPCheck{Status: 200, Body: lab.Match{NotContains: "error"}}, "/broken", false, false, "body broke off after 4 bytes"},
		{"body too long", lab.HTTPCheck{Body: lab.Match{NotContains: "error"}}, "/long", false, false, `body is known only in its first 1048576 bytes, so that it cannot be said not to contain "error"`},
		{"empty body", lab.HTTPCheck{Body: lab.Match{Contains: "x"}}, "/empty", false, false, `body does not contain "x"`},
		{"hangs", lab.HTTPCheck{Status: 200}, "/hang", true, false, "not done within 200ms"},
		{"drips", lab.HTTPCheck{Status: 200}, "/drip", true, false, "not done within 200ms; body broke off after 4 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := long
			if c.timeout {
				timeout = short
			}
			c.spec.URL = s.URL + c.path
			want(t, make1(t, &c.spec, &machine{}, timeout), c.passed, c.message)
		})
	}
}

func TestHTTPConnectionLostIsNoEndOfBody(t *testing.T) {
	m := &machine{dial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			_, _ = far.Read(make([]byte, 4096))
			_, _ = io.WriteString(far, "HTTP/1.0 200 OK\r\n\r\nhalf")
			_ = far.Close()
		}()
		return &lostConn{near}, nil
	}}
	res := make1(t, &lab.HTTPCheck{URL: "http://web/", Body: lab.Match{NotContains: "error"}}, m, long)
	want(t, res, false, `the check could not be made from desk: cannot connect from machine "desk": the SSH connection was lost; body broke off after 4 bytes`)
}

// lostConn ends as a connection through a machine does whose own is lost.
type lostConn struct{ net.Conn }

func (c *lostConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		err = &lab.GuestError{Machine: "desk", Op: "connect from", Err: errors.New("the SSH connection was lost")}
	}
	return n, err
}

func TestHTTPSVerifies(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	res := make1(t, &lab.HTTPCheck{URL: s.URL, Status: 200}, &machine{}, long)
	if res.Passed || !strings.Contains(res.Message, "certificate") {
		t.Errorf("passed %t, message %q", res.Passed, res.Message)
	}
	want(t, make1(t, &lab.HTTPCheck{URL: s.URL, Status: 200, Insecure: true}, &machine{}, long), true, "status 200")
}

func TestHTTPResolvesAtThePlace(t *testing.T) {
	var asked string
	m := &machine{dial: func(_ context.Context, _, addr string) (net.Conn, error) {
		asked = addr
		return nil, errors.New("no")
	}}
	make1(t, &lab.HTTPCheck{URL: "http://www.harbour.lan/x", Status: 200}, m, long)
	if asked != "www.harbour.lan:80" {
		t.Errorf("dialled %q", asked)
	}
}

// nameServer answers over TCP with a fixed zone.
func nameServer(t *testing.T) *net.TCPAddr {
	zone := map[string][]string{
		"www.harbour.lan. A":              {"www.harbour.lan. CNAME web.harbour.lan.", "web.harbour.lan. A 192.168.1.10", "web.harbour.lan. A 192.168.1.9"},
		"harbour.lan. MX":                 {"harbour.lan. MX 10 Mail.Harbour.lan."},
		"harbour.lan. TXT":                {`harbour.lan. TXT "v=spf1 " "-all"`},
		"10.1.168.192.in-addr.arpa. PTR":  {"10.1.168.192.in-addr.arpa. PTR web.harbour.lan."},
		"_ldap._tcp.harbour.lan. SRV":     {"_ldap._tcp.harbour.lan. SRV 0 100 389 dc.harbour.lan."},
		"web.harbour.lan. AAAA":           {},
		"harbour.lan. CAA":                {`harbour.lan. CAA 0 issue "letsencrypt.org"`},
		"harbour.lan. SOA":                {"harbour.lan. SOA gateway.harbour.lan. hostmaster.harbour.lan. 1 3600 600 86400 5"},
		"harbour.lan. NAPTR":              {`harbour.lan. NAPTR 100 10 "S" "SIP+D2U" "" _sip._udp.harbour.lan.`},
		"null.harbour.lan. MX":            {"null.harbour.lan. MX 0 ."},
		"_25._tcp.mail.harbour.lan. TLSA": {"_25._tcp.mail.harbour.lan. TLSA 3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"},
		"six.harbour.lan. AAAA":           {"six.harbour.lan. AAAA fd00:0:0:0:0:0:0:1"},
	}
	return serve(t, func(raw net.Conn) {
		c := &dns.Conn{Conn: raw}
		q, err := c.ReadMsg()
		if err != nil {
			return
		}
		a := new(dns.Msg).SetReply(q)
		lines, ok := zone[q.Question[0].Name+" "+dns.TypeToString[q.Question[0].Qtype]]
		if !ok {
			a.Rcode = dns.RcodeNameError
		}
		for _, l := range lines {
			rr, err := dns.NewRR(l)
			if err != nil {
				panic(err)
			}
			a.Answer = append(a.Answer, rr)
		}
		if strings.HasPrefix(q.Question[0].Name, "lies.") {
			a.Question[0].Name, a.Rcode = "other.", dns.RcodeSuccess
		}
		_ = c.WriteMsg(a)
	})
}

func TestDNS(t *testing.T) {
	server := nameServer(t)
	for _, c := range []struct {
		name    string
		spec    lab.DNSCheck
		passed  bool
		message string
	}{
		{"address through an alias", lab.DNSCheck{Name: "www.harbour.lan", Answers: []string{"192.168.1.10", "192.168.1.9"}}, true, "NOERROR, 192.168.1.10, 192.168.1.9"},
		{"resolves", lab.DNSCheck{Name: "www.harbour.lan"}, true, "NOERROR, 192.168.1.10, 192.168.1.9"},
		{"one too many", lab.DNSCheck{Name: "www.harbour.lan", Answers: []string{"192.168.1.9"}}, false, "answers 192.168.1.10, 192.168.1.9, want 192.168.1.9"},
		{"not there", lab.DNSCheck{Name: "ftp.harbour.lan"}, false, "answer NXDOMAIN, want NOERROR"},
		{"not there, as wanted", lab.DNSCheck{Name: "ftp.harbour.lan", Rcode: "NXDOMAIN"}, true, "NXDOMAIN, "},
		{"authorities", lab.DNSCheck{Name: "harbour.lan", Type: "CAA", Answers: []string{`0 issue "letsencrypt.org"`}}, true, "NOERROR, 0 issue letsencrypt.org"},
		{"wrong authorities", lab.DNSCheck{Name: "harbour.lan", Type: "CAA", Answers: []string{`0 issue "other.org"`}}, false, "answers 0 issue letsencrypt.org, want 0 issue other.org"},
		{"zone", lab.DNSCheck{Name: "harbour.lan", Type: "SOA", Answers: []string{"gateway.harbour.lan hostmaster.harbour.lan 1 3600 600 86400 5"}}, true, "NOERROR, gateway.harbour.lan hostmaster.harbour.lan 1 3600 600 86400 5"},
		{"telephony", lab.DNSCheck{Name: "harbour.lan", Type: "NAPTR", Answers: []string{`100 10 "s" "SIP+D2U" "" _sip._udp.harbour.lan`}}, true, "NOERROR, 100 10 s sip+d2u  _sip._udp.harbour.lan"},
		{"no mail", lab.DNSCheck{Name: "null.harbour.lan", Type: "MX", Answers: []string{"0 ."}}, true, "NOERROR, 0 ."},
		{"key of a certificate", lab.DNSCheck{Name: "_25._tcp.mail.harbour.lan", Type: "TLSA", Answers: []string{"3 1 1 D2ABDE240D7CD3EE6B4B28C54DF034B9 7983A1D16E8A410E4561CB106618E971"}}, true, "NOERROR, 3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"},
		{"IPv6", lab.DNSCheck{Name: "six.harbour.lan", Type: "AAAA", Answers: []string{"FD00::1"}}, true, "NOERROR, fd00::1"},
		{"no record", lab.DNSCheck{Name: "web.harbour.lan", Type: "AAAA"}, false, "web.harbour.lan has no AAAA record"},
		{"no record, as wanted", lab.DNSCheck{Name: "web.harbour.lan", Type: "AAAA", Answers: []string{}}, true, "NOERROR, "},
		{"mail", lab.DNSCheck{Name: "harbour.lan", Type: "MX", Answers: []string{"10 mail.harbour.lan."}}, true, "NOERROR, 10 mail.harbour.lan"},
		{"text", lab.DNSCheck{Name: "harbour.lan", Type: "TXT", Answers: []string{"v=spf1 -all"}}, true, "NOERROR, v=spf1 -all"},
		{"reverse by address", lab.DNSCheck{Name: "192.168.1.10", Type: "PTR", Answers: []string{"web.harbour.lan"}}, true, "NOERROR, web.harbour.lan"},
		{"service", lab.DNSCheck{Name: "_ldap._tcp.harbour.lan", Type: "SRV", Answers: []string{"0 100 389 DC.harbour.lan"}}, true, "NOERROR, 0 100 389 dc.harbour.lan"},
		{"answer to another question", lab.DNSCheck{Name: "lies.lan", Answers: []string{}}, false, "the name server's answer is not a whole answer to the question"},
		{"unknown type", lab.DNSCheck{Name: "x", Type: "Q"}, false, `unknown record type "Q"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Server = server.String()
			want(t, make1(t, &c.spec, &machine{}, long), c.passed, c.message)
		})
	}
}

func TestDNSServerAddress(t *testing.T) {
	own := netip.MustParseAddrPort("192.168.1.1:53")
	for in, want := range map[string]string{
		"": "192.168.1.1:53", "dc": "dc:53", "dc:5353": "dc:5353", "192.168.1.5": "192.168.1.5:53", "fe80::1": "[fe80::1]:53", "[fe80::1]:54": "[fe80::1]:54",
	} {
		if got := serverAddr(in, own); got != want {
			t.Errorf("%q gives %s, want %s", in, got, want)
		}
	}
}
