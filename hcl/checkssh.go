package hcl

import (
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxKey     = 64 << 10 // bytes of a private key
	minKeyLine = 16       // bytes of a line of one that is a secret by itself
)

func readSSH(r *reader) *lab.SSHCheck {
	c := &lab.SSHCheck{
		Server: r.server(protocol{port: 22}), Key: r.privateKey("key"), HostKey: r.hostKey("host_key"),
		Run: r.needText("run"), ExitCode: r.number("exit_code", 0, 255, 0), Stdout: r.match("stdout"),
	}
	r.belongs("run", "exit_code", "stdout")
	switch {
	case r.has("password") && r.has("key"):
		r.fail(r.body.Attributes["key"].NameRange, "Conflicting attributes", "The %s has \"password\" and \"key\": it logs in with one of them.", r.what)
	case !r.has("password") && !r.has("key") && !r.doubtful():
		r.fail(r.self.DefRange(), "Missing attribute", "The %s needs \"password\" or \"key\", the path of a private key.", r.what)
	}
	if c.Insecure && r.has("host_key") {
		r.fail(r.body.Attributes["host_key"].NameRange, "Conflicting attributes", "The %s has \"host_key\", and \"insecure\" takes any.", r.what)
	}
	return c
}

// privateKey returns the contents of the file that an attribute names, which
// are a secret: as a whole, and each line of them.
func (r *reader) privateKey(name string) string {
	path, ok := r.path(name)
	if !ok {
		return ""
	}
	src, err := read(path)
	switch text := string(src); {
	case err != nil:
		r.fail(r.rangeOf(name), "Unreadable file", "%q of %s cannot be read: %v.", name, r.what, cause(err))
	case len(src) > maxKey || !strings.Contains(text, "PRIVATE KEY-----"):
		r.fail(r.rangeOf(name), "Not a private key", "%q of %s must be the path of a private key in PEM form, which begins with a line such as \"-----BEGIN OPENSSH PRIVATE KEY-----\".", name, r.what)
	default:
		r.s.d.secrets.addText(text)
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && len(line) >= minKeyLine {
				r.s.d.secrets.addText(line)
			}
		}
		return text
	}
	return ""
}

var hostKeyPattern = regexp.MustCompile(`^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*$`)

// hostKey reads a public key, without the comment that may follow it.
func (r *reader) hostKey(name string) string {
	text, ok := r.str(name, "")
	if !ok {
		return ""
	}
	key := strings.Join(strings.Fields(text)[:min(2, len(strings.Fields(text)))], " ")
	if !hostKeyPattern.MatchString(key) {
		r.fail(r.rangeOf(name), "Invalid key", "%q of %s must be a public key, such as \"ssh-ed25519 AAAA…\".", name, r.what)
	}
	return key
}
