package check

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"

	"github.com/patchlab/patchlab/lab"
)

// directory serves anna and otto below ou=people,dc=harbour,dc=lan.
func directory(t *testing.T, secure *tls.Config) net.Addr {
	t.Helper()
	s, err := gldap.NewServer(gldap.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		t.Fatal(err)
	}
	mux, err := gldap.NewMux()
	if err != nil {
		t.Fatal(err)
	}
	_ = mux.Bind(func(w *gldap.ResponseWriter, r *gldap.Request) {
		answer := r.NewBindResponse(gldap.WithResponseCode(gldap.ResultInvalidCredentials))
		defer func() { _ = w.Write(answer) }()
		m, err := r.GetSimpleBindMessage()
		if err == nil && (m.UserName == "" || m.UserName == "cn=anna" && string(m.Password) == password) {
			answer.SetResultCode(gldap.ResultSuccess)
		}
	})
	_ = mux.Search(func(w *gldap.ResponseWriter, r *gldap.Request) {
		m, err := r.GetSearchMessage()
		if err != nil {
			return
		}
		if m.BaseDN != "dc=harbour,dc=lan" {
			_ = w.Write(r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultNoSuchObject)))
			return
		}
		for _, n := range []string{"anna", "otto"} {
			if m.Filter == "(objectClass=*)" || m.Filter == "(uid="+n+")" {
				_ = w.Write(r.NewSearchResponseEntry("uid="+n+",ou=people,dc=harbour,dc=lan", gldap.WithAttributes(map[string][]string{"mail": {n + "@harbour.lan", n + "@old.lan"}, "uid": {n}})))
			}
		}
		_ = w.Write(r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultSuccess)))
	})
	_ = mux.ExtendedOperation(func(w *gldap.ResponseWriter, r *gldap.Request) {
		if secure == nil {
			_ = w.Write(r.NewExtendedResponse(gldap.WithResponseCode(gldap.ResultUnwillingToPerform)))
			return
		}
		answer := r.NewExtendedResponse(gldap.WithResponseCode(gldap.ResultSuccess))
		answer.SetResponseName(gldap.ExtendedOperationStartTLS)
		_ = w.Write(answer)
		_ = r.StartTLS(secure)
	}, gldap.ExtendedOperationStartTLS)
	if err := s.Router(mux); err != nil {
		t.Fatal(err)
	}
	l := listenHere(t)
	addr := l.Addr()
	_ = l.Close()
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(addr.String()) }()
	for !s.Ready() {
		time.Sleep(time.Millisecond)
	}
	t.Cleanup(func() { _ = s.Stop(); <-done })
	return addr
}

func TestLDAP(t *testing.T) {
	plain, start := here(directory(t, nil), lab.Plain), here(directory(t, authority.server(100)), lab.StartTLS)
	own := here(directory(t, newCA("Own CA").server(100)), lab.StartTLS)
	noTLS := plain
	noTLS.Security = lab.StartTLS
	const base = "dc=harbour,dc=lan"
	for name, c := range map[string]struct {
		spec    lab.LDAPCheck
		passed  bool
		message string
	}{
		"anonymous":       {lab.LDAPCheck{Server: plain}, true, "bound anonymously"},
		"bound":           {lab.LDAPCheck{Server: as(plain, "cn=anna", password)}, true, "bound as cn=anna"},
		"wrong password":  {lab.LDAPCheck{Server: as(plain, "cn=anna", "wrong")}, false, `cannot bind: LDAP Result Code 49 "Invalid Credentials": `},
		"search":          {lab.LDAPCheck{Server: plain, Base: base}, true, "bound anonymously, 2 entries"},
		"filter":          {lab.LDAPCheck{Server: plain, Base: base, Filter: "(uid=anna)", Entries: at(1)}, true, "bound anonymously, 1 entries"},
		"none":            {lab.LDAPCheck{Server: plain, Base: base, Filter: "(uid=emil)"}, false, "0 entries, want at least 1"},
		"none, as wanted": {lab.LDAPCheck{Server: plain, Base: base, Filter: "(uid=emil)", Entries: at(0)}, true, "bound anonymously, 0 entries"},
		"no base":         {lab.LDAPCheck{Server: plain, Base: "dc=other"}, false, "0 entries, want at least 1"},
		"broken filter":   {lab.LDAPCheck{Server: plain, Base: base, Filter: "(uid"}, false, `cannot search dc=harbour,dc=lan: LDAP Result Code 201 "Filter Compile Error": ldap: unexpected end of filter`},
		"attribute":       {lab.LDAPCheck{Server: plain, Base: base, Attributes: map[string]lab.Match{"MAIL": {Equals: "otto@old.lan"}}}, true, `bound anonymously, 2 entries, MAIL is "otto@old.lan"`},
		"wrong attribute": {lab.LDAPCheck{Server: plain, Base: base, Filter: "(uid=otto)", Attributes: map[string]lab.Match{"mail": {Equals: "x"}}}, false, `no value of mail is "x": there is "otto@harbour.lan", "otto@old.lan"`},
		"no attribute":    {lab.LDAPCheck{Server: plain, Base: base, Attributes: map[string]lab.Match{"sn": {Equals: "x"}}}, false, "no entry has the attribute sn"},
		"scope":           {lab.LDAPCheck{Server: plain, Base: base, Scope: "all"}, false, `unknown scope "all"`},
		"STARTTLS":        {lab.LDAPCheck{Server: as(start, "cn=anna", password), Base: base}, true, "bound as cn=anna, 2 entries"},
		"no STARTTLS":     {lab.LDAPCheck{Server: noTLS}, false, "no TLS by STARTTLS: the server refuses it with result 53"},
		"own authority":   {lab.LDAPCheck{Server: own}, false, "no TLS: tls: failed to verify certificate: x509: certificate signed by unknown authority (insecure = true accepts any certificate)"},
		"insecure":        {lab.LDAPCheck{Server: insecure(own)}, true, "bound anonymously"},
	} {
		t.Run(name, func(t *testing.T) {
			wantMessage(t, make1(t, &c.spec, &machine{}, long), c.spec.Server, c.passed, c.message)
		})
	}
}

func TestReadBER(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = near.Close(); _ = far.Close() }()
	for text, ok := range map[string]bool{
		"\x30\x00": true, "\x30\x03\x02\x01\x05": true, "\x30\x81\x03\x02\x01\x05": true, "\x30\x84\x00\x00\x00\x03\x02\x01\x05": true,
		"\x31\x00": false, "\x30\x80": false, "\x30\x85": false, "\x30\x84\x7f\xff\xff\xff": false, "\x30\x03\x02\x05\x05": false,
		"\x30\x04\x30\x03\x1f\x00": false, "\x30\x02\x30\x80": false,
	} {
		go func() { _, _ = io.WriteString(far, text) }()
		got, err := readBER(near)
		if (err == nil) != ok || ok && string(got) != text {
			t.Errorf("%x: %x, %v", text, got, err)
		}
		_ = near.Close()
		near, far = net.Pipe()
	}
	nested := []byte{}
	for range maxBERDepth + 1 {
		nested = append([]byte{0x30, byte(len(nested))}, nested...)
	}
	if err := sane(nested, maxBERDepth); err == nil {
		t.Error("no nesting is too deep")
	}
	if err := sane(nested[4:], maxBERDepth); err != nil {
		t.Errorf("%d levels: %v", maxBERDepth-1, err)
	}
}

func FuzzBER(f *testing.F) {
	f.Add([]byte("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := sane(b, maxBERDepth); err == nil && len(b) > 0 {
			if _, length, size := berHead(b); size == 0 || size+length > len(b) {
				t.Errorf("%x is taken", b)
			}
		}
		_ = saneSMB(append([]byte("\xfeSMB"), b...))
		_, _ = parsePing(string(b))
	})
}
