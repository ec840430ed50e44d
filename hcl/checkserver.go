package hcl

import (
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// protocol is what a connection has by default.
type protocol struct {
	port, tlsPort int
	securities    []lab.Security // the first by default
}

func anySecurity() []lab.Security { return []lab.Security{lab.Plain, lab.StartTLS, lab.TLS} }

// server reads where a check connects to, and as whom.
func (r *reader) server(p protocol) lab.Server {
	s := lab.Server{Host: r.needLine("host"), Security: lab.Plain}
	if p.securities != nil {
		s.Security = oneOf(r, "security", p.securities[0], p.securities...)
	}
	def := p.port
	if s.Security == lab.TLS {
		def = p.tlsPort
	}
	s.Port = r.number("port", 1, 65535, def)
	s.Insecure = r.boolean("insecure", false)
	if p.securities != nil && s.Security == lab.Plain && s.Insecure {
		r.fail(r.body.Attributes["insecure"].NameRange, "Conflicting attributes",
			"\"insecure\" of %s is about certificates, and the connection is not protected: it needs security = \"tls\" or \"starttls\".", r.what)
	}
	s.User = r.optionalLine("user")
	s.Password = r.secret("password")
	r.belongs("user", "password")
	return s
}

// needPassword reports a user without a password.
func (r *reader) needPassword() {
	if r.has("user") && !r.has("password") && !r.doubtful() {
		r.fail(r.body.Attributes["user"].NameRange, "Missing attribute", "The %s has \"user\": it needs \"password\" too.", r.what)
	}
}

// secret reads one line of text that is a secret however it is written, also
// where it is a mistake.
func (r *reader) secret(name string) string {
	a := r.body.Attributes[name]
	if a == nil {
		return ""
	}
	v, _ := r.value(name)
	r.s.d.secrets.add(v)
	if len(a.Expr.Variables()) == 0 {
		r.s.d.secrets.ranges = append(r.s.d.secrets.ranges, a.Expr.Range())
	}
	return r.optionalLine(name)
}

var mailPattern = regexp.MustCompile(`^[!-;=?A-~]+@[!-;=?A-~]+$`) // no space, "<", ">" or "@" inside

func readSMTP(r *reader) *lab.SMTPCheck {
	c := &lab.SMTPCheck{
		Server: r.server(protocol{25, 465, anySecurity()}),
		From:   r.matching("from", mailPattern, `an address such as "monitor@harbour.lan"`),
		To:     r.matching("to", mailPattern, `an address such as "office@harbour.lan"`),
	}
	r.needPassword()
	r.belongs("to", "from")
	if r.has("to") && !r.has("from") && !r.doubtful() {
		r.fail(r.body.Attributes["to"].NameRange, "Missing attribute", "The %s has \"to\": it needs \"from\" too.", r.what)
	}
	if k := r.block("deliver"); k != nil {
		if !r.has("to") && !r.doubtful() {
			r.fail(k.TypeRange, "Conflicting attributes", "The deliver block of %s belongs to \"to\", which it has not.", r.what)
		}
		in := r.inside(k)
		c.Deliver = &lab.Delivery{Server: in.server(protocol{143, 993, anySecurity()}), Mailbox: in.mailbox()}
	}
	return c
}

func (r *reader) mailbox() string {
	if !r.has("mailbox") {
		return "INBOX"
	}
	return r.optionalLine("mailbox")
}

func readIMAP(r *reader) *lab.IMAPCheck {
	return &lab.IMAPCheck{
		Server:  r.server(protocol{143, 993, anySecurity()}),
		Mailbox: r.mailbox(), Messages: r.rangeAttr("messages", counts, lab.Range{}),
	}
}

func readPOP3(r *reader) *lab.POP3Check {
	return &lab.POP3Check{
		Server:   r.server(protocol{110, 995, anySecurity()}),
		Messages: r.rangeAttr("messages", counts, lab.Range{}),
	}
}

func readLDAP(r *reader) *lab.LDAPCheck {
	c := &lab.LDAPCheck{Server: r.server(protocol{389, 636, anySecurity()}), Base: r.optionalLine("base")}
	r.needPassword()
	r.belongs("base", "filter", "scope", "entries", "attributes")
	if c.Base == "" {
		return c
	}
	c.Filter = "(objectClass=*)"
	if r.has("filter") {
		c.Filter = r.optionalLine("filter")
		if t := strings.TrimSpace(c.Filter); t != "" && (t[0] != '(' || t[len(t)-1] != ')') {
			r.fail(r.rangeOf("filter"), "Invalid filter", "\"filter\" of %s must be in parentheses, such as \"(uid=anna)\".", r.what)
		}
	}
	c.Scope = oneOf(r, "scope", "sub", "base", "one", "sub")
	c.Entries = r.rangeAttr("entries", counts, from(1))
	c.Attributes = r.matches("attributes", `{ mail = "@harbour.lan" }`)
	return c
}

func readSMB(r *reader) *lab.SMBCheck {
	c := &lab.SMBCheck{
		Server: r.server(protocol{port: 445}), Domain: r.optionalLine("domain"), Share: r.optionalLine("share"),
		File: strings.ReplaceAll(r.optionalLine("file"), `\`, "/"), Content: r.match("content"),
	}
	if strings.ContainsAny(c.Share, `/\`) {
		r.fail(r.rangeOf("share"), "Invalid name", "\"share\" of %s is the name alone, without server and path; this is %s.", r.what, describe(first(r.value("share"))))
	}
	r.belongs("file", "content")
	r.belongs("user", "domain")
	return c
}

func sqlPorts() map[string]int {
	return map[string]int{"postgres": 5432, "mysql": 3306, "sqlserver": 1433}
}

func readSQL(r *reader) *lab.SQLCheck {
	c := &lab.SQLCheck{
		Driver:   oneOf(r, "driver", "", "postgres", "mysql", "sqlserver"),
		Database: r.optionalLine("database"), Query: r.needText("query"),
		Count: r.rangeAttr("count", counts, lab.Range{}), Value: r.match("value"), Rows: r.rows("rows"),
	}
	port := sqlPorts()[c.Driver]
	c.Server = r.server(protocol{port, port, []lab.Security{lab.Plain, lab.TLS}})
	return c
}
