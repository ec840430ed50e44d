package state

import (
	"path"
	"regexp"
)

// secretNames are files that hold secrets: of them a hash is kept and no text.
// A pattern with a "/" is of the whole path.
var secretNames = []string{
	"/etc/shadow*", "/etc/gshadow*", "/etc/security/opasswd", "/etc/ssh/ssh_host_*_key",
	"*.key", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".pgpass", ".my.cnf", ".netrc", ".htpasswd", "*.htpasswd",
	"/etc/mysql/debian.cnf", "*.secrets", "*-secrets", "sasl_passwd", "*.nmconnection", "krb5.keytab",
}

// privateKey begins a private key in PEM.
var privateKey = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY`)

// secret reports whether the text of a file must not be kept.
func secret(name string, content []byte) bool {
	for _, p := range secretNames {
		of := name
		if p[0] != '/' {
			of = path.Base(name)
		}
		if ok, err := path.Match(p, of); ok && err == nil {
			return true
		}
	}
	return privateKey.Match(content)
}
