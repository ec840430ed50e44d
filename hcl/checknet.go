package hcl

import (
	"net/netip"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

func readCommand(r *reader) *lab.CommandCheck {
	return &lab.CommandCheck{
		Run: r.needText("run"), ExitCode: r.number("exit_code", 0, 255, 0),
		Stdout: r.match("stdout"), Stderr: r.match("stderr"),
	}
}

func readTCP(r *reader) *lab.TCPCheck {
	send, _ := r.text("send", "")
	return &lab.TCPCheck{Host: r.needLine("host"), Port: r.number("port", 1, 65535, 0), Send: send, Expect: r.match("expect")}
}

func readUDP(r *reader) *lab.UDPCheck {
	send, _ := r.text("send", "")
	return &lab.UDPCheck{Host: r.needLine("host"), Port: r.number("port", 1, 65535, 0), Send: send, Expect: r.match("expect")}
}

const defaultPings = 3

func readPing(r *reader) *lab.PingCheck {
	return &lab.PingCheck{
		Host: r.needLine("host"), Count: r.number("count", 1, 100, defaultPings), Loss: r.rangeAttr("loss", percents, upTo(0)),
	}
}

// tlsPorts are the ports of protocols in which TLS is asked for; "" is HTTPS.
func tlsPorts() map[string]int {
	return map[string]int{"": 443, "smtp": 25, "imap": 143, "pop3": 110, "ldap": 389, "postgres": 5432}
}

func readTLS(r *reader) *lab.TLSCheck {
	c := &lab.TLSCheck{
		DaysLeft: r.rangeAttr("days_left", daysLeft, lab.Range{}),
		Subject:  r.match("subject"), Issuer: r.match("issuer"),
	}
	if r.has("starttls") {
		c.StartTLS = oneOf(r, "starttls", "", "smtp", "imap", "pop3", "ldap", "postgres")
	}
	if r.has("min_version") {
		c.MinVersion = oneOf(r, "min_version", "", "1.0", "1.1", "1.2", "1.3")
	}
	c.Server = r.server(protocol{port: tlsPorts()[c.StartTLS]})
	c.Security = lab.TLS
	if c.StartTLS != "" {
		c.Security = lab.StartTLS
	}
	c.Name = c.Host
	if r.has("name") {
		c.Name = r.needLine("name")
	}
	for _, i := range r.strs("names") {
		if name := i.text(); !isLine(name) || strings.ContainsRune(name, ' ') {
			r.fail(i.at, "Invalid text", "%q, in \"names\" of %s, must be a host name.", name, r.what)
		} else {
			c.Names = append(c.Names, name)
		}
	}
	return c
}

const (
	defaultSamples = 5
	defaultFactor  = 2
	defaultSlack   = 200 * time.Millisecond
)

var factors = limits{lo: 1, hi: 1000}

func readPerformance(r *reader) *lab.PerformanceCheck {
	c := &lab.PerformanceCheck{
		Run: r.needText("run"), Insecure: r.boolean("insecure", false),
		Samples: r.number("samples", 1, 100, defaultSamples), Factor: r.float("factor", factors, defaultFactor),
		Slack: r.duration("slack", defaultSlack), Max: r.duration("max", 0),
	}
	if r.has("url") {
		c.URL = r.url("url")
	}
	switch {
	case r.has("run") && r.has("url"):
		r.fail(r.body.Attributes["url"].NameRange, "Conflicting attributes", "The %s has \"run\" and \"url\": it measures one of them.", r.what)
	case !r.has("run") && !r.has("url") && !r.doubtful():
		r.fail(r.self.DefRange(), "Empty check", "The %s measures nothing: it takes \"run\" or \"url\".", r.what)
	}
	if r.has("run") {
		r.belongs("url", "insecure")
	}
	return c
}

// address reads an IP address.
func (r *reader) address(name string) string {
	text, ok := r.str(name, "")
	if !ok {
		return ""
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		r.fail(r.rangeOf(name), "Invalid address", "%q of %s must be an IP address such as \"127.0.0.1\"; this is %q.", name, r.what, text)
		return ""
	}
	return a.String()
}
