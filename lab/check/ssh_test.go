package check

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

// sshServer lets anna in by password or key; what she runs is printed, and
// "exit N" ends with N. It shows an ed25519 key and another one.
func sshServer(t *testing.T) (addr net.Addr, hostKey, privateKey string) {
	host, _ := newSigner(t)
	user, key := newSigner(t)
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	ecdsaKey, err := ssh.NewSignerFromKey(authority.key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &ssh.ServerConfig{
		PasswordCallback: func(m ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
			if m.User() == "anna" && string(p) == password {
				return nil, nil
			}
			return nil, errors.New("no")
		},
		PublicKeyCallback: func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if m.User() == "anna" && string(k.Marshal()) == string(user.PublicKey().Marshal()) {
				return nil, nil
			}
			return nil, errors.New("no")
		},
	}
	cfg.AddHostKey(ecdsaKey)
	cfg.AddHostKey(host)
	a := serve(t, func(c net.Conn) { sshSession(c, cfg) })
	return a, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(host.PublicKey()))), string(pem.EncodeToMemory(block))
}

func sshSession(c net.Conn, cfg *ssh.ServerConfig) {
	conn, channels, requests, err := ssh.NewServerConn(c, cfg)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	go ssh.DiscardRequests(requests)
	for n := range channels {
		ch, asked, err := n.Accept()
		if err != nil {
			return
		}
		for r := range asked {
			var run struct{ Command string }
			_ = ssh.Unmarshal(r.Payload, &run)
			_ = r.Reply(true, nil)
			_, _ = io.WriteString(ch, "ran "+run.Command+"\n")
			_, _ = io.WriteString(ch.Stderr(), "with "+password+"\n")
			code, _ := strings.CutPrefix(run.Command, "exit ")
			_, _ = ch.SendRequest("exit-status", false, []byte{0, 0, 0, code[0] - '0'})
			_ = ch.Close()
		}
	}
}

func TestSSH(t *testing.T) {
	addr, hostKey, key := sshServer(t)
	s := here(addr, lab.Plain)
	anna := as(s, "anna", password)
	otherSigner, _ := newSigner(t)
	other := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(otherSigner.PublicKey())))
	for name, c := range map[string]struct {
		spec    lab.SSHCheck
		passed  bool
		message string // its beginning
	}{
		"password":       {lab.SSHCheck{Server: anna, HostKey: hostKey}, true, "logged in as anna"},
		"key":            {lab.SSHCheck{Server: as(s, "anna", ""), Key: key, HostKey: hostKey}, true, "logged in as anna"},
		"wrong password": {lab.SSHCheck{Server: as(s, "anna", "wrong"), HostKey: hostKey}, false, "cannot log in as anna: ssh: handshake failed: ssh: unable to authenticate"},
		"broken key":     {lab.SSHCheck{Server: as(s, "anna", ""), Key: "-----", HostKey: hostKey}, false, "the key of the definition cannot be read: "},
		"host key":       {lab.SSHCheck{Server: s, HostKey: hostKey}, true, "host key ssh-ed25519 AAAA"},
		"wrong host key": {lab.SSHCheck{Server: anna, HostKey: other}, false, "host key SHA256:"},
		"unknown key":    {lab.SSHCheck{Server: anna}, false, "the host key of 127.0.0.1 is not known: host_key names it, insecure = true accepts any"},
		"any key":        {lab.SSHCheck{Server: insecure(anna)}, true, "logged in as anna"},
		"run":            {lab.SSHCheck{Server: insecure(anna), Run: "exit 0", Stdout: lab.Match{Equals: "ran exit 0"}}, true, `logged in as anna, exit code 0, stdout is "ran exit 0"`},
		"exit code":      {lab.SSHCheck{Server: insecure(anna), Run: "exit 3"}, false, "exit code 3, want 0: with (sensitive)"},
		"that exit code": {lab.SSHCheck{Server: insecure(anna), Run: "exit 3", ExitCode: 3}, true, "logged in as anna, exit code 3"},
		"output":         {lab.SSHCheck{Server: insecure(anna), Run: "exit 0", Stdout: lab.Match{Contains: "x!"}}, false, `stdout does not contain "x!"`},
	} {
		t.Run(name, func(t *testing.T) {
			res := make1(t, &c.spec, &machine{}, long)
			if res.Passed != c.passed || !strings.HasPrefix(res.Message, c.message) {
				t.Errorf("passed %t, %q; want %t, %q", res.Passed, res.Message, c.passed, c.message)
			}
			silent(t, res)
		})
	}
	// A machine of the lab is known.
	c := &lab.Check{FromNet: &lab.Network{Name: "office"}, Timeout: long, Spec: &lab.SSHCheck{Server: anna}}
	asked := ""
	res := Runner{}.RunCheck(t.Context(), c, lab.Place{Dialer: &machine{}, HostKey: func(h string) string { asked = h; return hostKey }})
	want(t, res, true, "logged in as anna")
	if asked != "127.0.0.1" {
		t.Errorf("asked for the key of %q", asked)
	}
}

func newSigner(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s, key
}
