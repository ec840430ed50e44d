package hcl

import (
	"fmt"

	"github.com/patchlab/patchlab/lab"
)

// spec writes the block of what a check asserts.
func (w *blockWriter) spec(s lab.CheckSpec) {
	if s == nil {
		w.fail("it asserts nothing")
		return
	}
	w.open(s.Kind())
	switch c := s.(type) {
	case *lab.CombinedCheck:
		for _, m := range c.Members {
			w.spec(m)
		}
	case *lab.CommandCheck:
		w.str("run", c.Run, "")
		w.num("exit_code", c.ExitCode, 0)
		w.match("stdout", c.Stdout)
		w.match("stderr", c.Stderr)
	case *lab.TCPCheck:
		w.probe(c.Host, c.Port, c.Send, c.Expect)
	case *lab.UDPCheck:
		w.probe(c.Host, c.Port, c.Send, c.Expect)
	case *lab.HTTPCheck:
		w.http(c)
	case *lab.ServiceCheck:
		w.service(c)
	case *lab.DNSCheck:
		w.dns(c)
	case *lab.PingCheck:
		w.str("host", c.Host, "")
		w.num("count", c.Count, defaultPings)
		w.rangeOf("loss", c.Loss, upTo(0))
	case *lab.TLSCheck:
		w.tls(c)
	default:
		if !w.serverSpec(s) && !w.machineSpec(s) && !w.systemSpec(s) {
			w.fail(fmt.Sprintf("the language has no block for its kind, %q", s.Kind()))
		}
	}
	w.close()
}

func (w *blockWriter) probe(host string, port int, send string, expect lab.Match) {
	w.str("host", host, "")
	w.num("port", port, 0)
	w.str("send", send, "")
	w.match("expect", expect)
}

func (w *blockWriter) http(c *lab.HTTPCheck) {
	if c.Status == 0 && c.Body.IsZero() && len(c.Header) == 0 {
		w.fail("it asserts nothing of the answer")
	}
	w.str("url", c.URL, "")
	w.str("method", c.Method, "GET")
	w.strs("headers", c.Headers)
	w.str("send", c.Send, "")
	w.num("status", c.Status, 0)
	w.match("body", c.Body)
	w.matches("header", c.Header)
	w.num("redirects", c.Redirects, 0)
	w.yes("insecure", c.Insecure, false)
}

func (w *blockWriter) service(c *lab.ServiceCheck) {
	if c.Active == nil && c.Enabled == nil {
		w.fail("it asserts nothing of the service")
	}
	w.str("unit", c.Unit, "")
	if c.Active != nil {
		w.yes("active", *c.Active, !*c.Active)
	}
	if c.Enabled != nil {
		w.yes("enabled", *c.Enabled, !*c.Enabled)
	}
}

func (w *blockWriter) dns(c *lab.DNSCheck) {
	w.str("name", c.Name, "")
	w.str("type", c.Type, "A")
	w.str("server", c.Server, "")
	w.list("answers", c.Answers)
	if c.Answers == nil {
		w.str("rcode", c.Rcode, "") // also the default: it is all that is asserted
	} else {
		w.str("rcode", c.Rcode, "NOERROR")
	}
}

func (w *blockWriter) tls(c *lab.TLSCheck) {
	w.str("host", c.Host, "")
	w.num("port", c.Port, tlsPorts()[c.StartTLS])
	w.str("starttls", c.StartTLS, "")
	w.str("name", c.Name, c.Host)
	w.list("names", c.Names)
	w.limits("days_left", c.DaysLeft)
	w.str("min_version", c.MinVersion, "")
	w.match("subject", c.Subject)
	w.match("issuer", c.Issuer)
	w.yes("insecure", c.Insecure, false)
}

// serverSpec writes the attributes of a kind that connects to a server. It
// reports whether s is of one.
func (w *blockWriter) serverSpec(s lab.CheckSpec) bool {
	switch c := s.(type) {
	case *lab.SMTPCheck:
		w.server(c.Server, 25, 465)
		w.str("from", c.From, "")
		w.str("to", c.To, "")
		if c.Deliver != nil {
			w.text.WriteByte('\n')
			w.open("deliver")
			w.server(c.Deliver.Server, 143, 993)
			w.str("mailbox", c.Deliver.Mailbox, "INBOX")
			w.close()
		}
	case *lab.IMAPCheck:
		w.server(c.Server, 143, 993)
		w.str("mailbox", c.Mailbox, "INBOX")
		w.rangeOf("messages", c.Messages, lab.Range{})
	case *lab.POP3Check:
		w.server(c.Server, 110, 995)
		w.rangeOf("messages", c.Messages, lab.Range{})
	case *lab.LDAPCheck:
		w.server(c.Server, 389, 636)
		w.str("base", c.Base, "")
		w.str("filter", c.Filter, "(objectClass=*)")
		w.str("scope", c.Scope, "sub")
		w.rangeOf("entries", c.Entries, from(1))
		w.matches("attributes", c.Attributes)
	case *lab.SMBCheck:
		w.server(c.Server, 445, 445)
		w.str("domain", c.Domain, "")
		w.str("share", c.Share, "")
		w.str("file", c.File, "")
		w.match("content", c.Content)
	case *lab.SQLCheck:
		w.str("driver", c.Driver, "")
		w.server(c.Server, sqlPorts()[c.Driver], sqlPorts()[c.Driver])
		w.str("database", c.Database, "")
		w.str("query", c.Query, "")
		w.rows("rows", c.Rows)
		w.rangeOf("count", c.Count, lab.Range{})
		w.match("value", c.Value)
	case *lab.SSHCheck:
		if c.Key != "" {
			w.fail("a private key is named by its file, which is not known")
		}
		w.server(c.Server, 22, 22)
		w.str("host_key", c.HostKey, "")
		w.str("run", c.Run, "")
		w.num("exit_code", c.ExitCode, 0)
		w.match("stdout", c.Stdout)
	default:
		return false
	}
	return true
}
