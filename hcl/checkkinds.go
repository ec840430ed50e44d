package hcl

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchlab/patchlab/lab"
)

// place is where a kind of check can be made from.
type place int

const (
	anywhere  place = iota
	onMachine       // about the machine that it is made from
	onLinux
	onWindows
)

// checkKind is a kind of check: a block of the check block.
type checkKind struct {
	name  string
	on    place
	body  *schema
	read  func(r *reader) lab.CheckSpec
	alone bool // cannot be in any and all: it compares arms
}

// checkKinds is every kind, in the order of the documentation. It is a
// function and not a variable so that nothing can change it.
func checkKinds() []checkKind {
	return slices.Concat(basicKinds(), serverKinds(), machineKinds(), systemKinds(), windowsKinds())
}

func basicKinds() []checkKind {
	return []checkKind{
		{name: "command", on: onMachine, read: spec(readCommand), body: &schema{
			attrs: []string{"run", "exit_code", "stdout", "stderr"}, needed: []string{"run"},
		}},
		{name: "tcp", read: spec(readTCP), body: &schema{
			attrs: []string{"host", "port", "send", "expect"}, needed: []string{"host", "port"},
		}},
		{name: "http", read: spec(readHTTP), body: &schema{
			attrs:  []string{"url", "method", "headers", "send", "status", "body", "header", "redirects", "insecure"},
			needed: []string{"url"},
		}},
		{name: "service", on: onMachine, read: spec(readService), body: &schema{
			attrs: []string{"unit", "active", "enabled"}, needed: []string{"unit"},
		}},
		{name: "dns", read: spec(readDNS), body: &schema{
			attrs: []string{"name", "type", "server", "answers", "rcode"}, needed: []string{"name"},
		}},
		{name: "ping", read: spec(readPing), body: &schema{
			attrs: []string{"host", "count", "loss"}, needed: []string{"host"},
		}},
		{name: "udp", read: spec(readUDP), body: &schema{
			attrs: []string{"host", "port", "send", "expect"}, needed: []string{"host", "port"},
		}},
		{name: "tls", read: spec(readTLS), body: &schema{
			attrs: []string{
				"host", "port", "starttls", "name", "names", "days_left", "min_version", "subject", "issuer", "insecure",
			},
			needed: []string{"host"},
		}},
	}
}

func serverKinds() []checkKind {
	return []checkKind{
		{name: "smtp", read: spec(readSMTP), body: &schema{
			attrs: serverAttrs("from", "to"), needed: []string{"host"},
			blocks: map[string]nested{"deliver": {body: &schema{
				attrs: serverAttrs("mailbox"), needed: []string{"host", "user", "password"},
			}}},
		}},
		{name: "imap", read: spec(readIMAP), body: &schema{
			attrs: serverAttrs("mailbox", "messages"), needed: []string{"host", "user", "password"},
		}},
		{name: "pop3", read: spec(readPOP3), body: &schema{
			attrs: serverAttrs("messages"), needed: []string{"host", "user", "password"},
		}},
		{name: "ldap", read: spec(readLDAP), body: &schema{
			attrs: serverAttrs("base", "filter", "scope", "entries", "attributes"), needed: []string{"host"},
		}},
		{name: "smb", read: spec(readSMB), body: &schema{
			attrs:  []string{"host", "port", "user", "password", "domain", "share", "file", "content"},
			needed: []string{"host", "share"},
		}},
		{name: "sql", read: spec(readSQL), body: &schema{
			attrs:  serverAttrs("driver", "database", "query", "rows", "count", "value"),
			needed: []string{"driver", "host", "user", "query"},
		}},
		{name: "ssh", read: spec(readSSH), body: &schema{
			attrs: []string{
				"host", "port", "insecure", "user", "password", "key", "host_key", "run", "exit_code", "stdout",
			},
			needed: []string{"host", "user"},
		}},
	}
}

// serverAttrs are the attributes of a kind that connects to a server.
func serverAttrs(own ...string) []string {
	return append([]string{"host", "port", "security", "insecure", "user", "password"}, own...)
}

// spec makes a reader of one type one of any.
func spec[T lab.CheckSpec](read func(*reader) T) func(*reader) lab.CheckSpec {
	return func(r *reader) lab.CheckSpec { return read(r) }
}

// kindsByName is every kind that a check block can hold, any and all too.
func kindsByName() map[string]checkKind {
	kinds := map[string]checkKind{}
	for _, k := range checkKinds() {
		kinds[k.name] = k
	}
	for _, name := range []string{"any", "all"} {
		kinds[name] = checkKind{name: name, read: spec(readCombined), alone: true}
	}
	return kinds
}

// kindNames are the names of every block that a check can hold, as documented.
func kindNames() []string {
	var names []string
	for _, k := range checkKinds() {
		names = append(names, k.name)
	}
	return append(names, "any", "all")
}

// readCombined reads the blocks of an any or all block, in their order.
func readCombined(r *reader) *lab.CombinedCheck {
	c := &lab.CombinedCheck{All: r.self.Type == "all"}
	for _, k := range r.members() {
		c.Members = append(c.Members, r.s.kinds[k.Type].read(r.inside(k)))
	}
	if len(r.body.Blocks) == 0 && !r.doubtful() {
		r.fail(r.self.DefRange(), "Empty check", "The %s asserts nothing: it holds blocks such as tcp { … } and http { … }.", r.what)
	}
	return c
}

// members are the blocks of an any or all block that can be read.
func (r *reader) members() []*hclsyntax.Block {
	var out []*hclsyntax.Block
	for _, k := range r.body.Blocks {
		if kind, ok := r.s.kinds[k.Type]; ok && !kind.alone {
			out = append(out, k)
		}
	}
	return out
}
