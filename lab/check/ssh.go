package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh" //nolint:depguard // the protocol itself is what is checked here, with the user's own login

	"github.com/patchlab/patchlab/lab"
)

// sshCheck logs in and runs a command. Without a user it is satisfied with the
// host key.
func sshCheck(ctx context.Context, s *lab.SSHCheck, at place) finding {
	return talk(ctx, at, s.Server, 22, func(_ context.Context, c *session) finding {
		cfg, known, err := sshConfig(s, at)
		if err != nil {
			return finding{err: err}
		}
		conn, channels, requests, err := ssh.NewClientConn(c, c.addr, cfg)
		f := finding{evidence: known.text}
		switch {
		case err != nil && known.fault != "":
			f.faults = []string{known.fault}
			return f
		case err != nil && s.User == "" && known.accepted:
			f.seen = "host key " + known.text // it lets nobody in: none was to
			return f
		case err != nil:
			f.err = fmt.Errorf("cannot log in as %s: %w", orDefault(s.User, "nobody"), err)
			return f
		}
		client := ssh.NewClient(conn, channels, requests)
		f.seen = "logged in as " + s.User
		if s.Run != "" {
			f.sshRun(client, s)
		}
		return f
	}).mask(s.Key)
}

// hostKey is what is known of the key that a server showed.
type hostKey struct {
	text     string // as in an authorized_keys file
	accepted bool
	fault    string
}

func sshConfig(s *lab.SSHCheck, at place) (*ssh.ClientConfig, *hostKey, error) {
	shown, want := &hostKey{}, s.HostKey
	if want == "" && !s.Insecure && at.HostKey != nil {
		want = at.HostKey(s.Host)
	}
	if want == "" && !s.Insecure {
		return nil, nil, fmt.Errorf("the host key of %s is not known: host_key names it, insecure = true accepts any", s.Host)
	}
	cfg := &ssh.ClientConfig{User: s.User}
	var wanted ssh.PublicKey
	if want != "" {
		var err error
		if wanted, _, _, _, err = ssh.ParseAuthorizedKey([]byte(want)); err != nil {
			return nil, nil, fmt.Errorf("the host key of the definition cannot be read: %w", err)
		}
		cfg.HostKeyAlgorithms = keyAlgorithms(wanted.Type())
	}
	cfg.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		shown.text = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
		if wanted != nil && string(wanted.Marshal()) != string(key.Marshal()) {
			shown.fault = fmt.Sprintf("host key %s, want %s", ssh.FingerprintSHA256(key), ssh.FingerprintSHA256(wanted))
			return errors.New(shown.fault)
		}
		shown.accepted = true
		return nil
	}
	if s.Key != "" {
		signer, err := ssh.ParsePrivateKey([]byte(s.Key))
		if err != nil {
			return nil, nil, fmt.Errorf("the key of the definition cannot be read: %w", err)
		}
		cfg.Auth = append(cfg.Auth, ssh.PublicKeys(signer))
	}
	if s.Password != "" {
		answer := func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = s.Password
			}
			return answers, nil
		}
		cfg.Auth = append(cfg.Auth, ssh.Password(s.Password), ssh.KeyboardInteractive(answer))
	}
	return cfg, shown, nil
}

// keyAlgorithms are the signatures that a host key can make: without them a
// server with several keys would show another.
func keyAlgorithms(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{kind}
}

func (f *finding) sshRun(client *ssh.Client, s *lab.SSHCheck) {
	run, err := client.NewSession()
	if err != nil {
		f.err = fmt.Errorf("cannot run a command: %w", err)
		return
	}
	var stdout, stderr limitedText
	run.Stdout, run.Stderr = &stdout, &stderr
	err = run.Run(s.Run)
	f.evidence = both(stdout.data, stderr.data)
	var out lab.Output
	if exit, ok := errors.AsType[*ssh.ExitError](err); ok {
		out.ExitCode, out.Signal = exit.ExitStatus(), exit.Signal()
	} else if err != nil {
		f.err = fmt.Errorf("the command did not end: %w", err)
		return
	}
	if fault := exitFault(out, s.ExitCode, stderr.data); fault != "" {
		f.faults = append(f.faults, fault)
	}
	f.seen += fmt.Sprintf(", exit code %d", out.ExitCode)
	f.expect("stdout", s.Stdout, stdout.data, stdout.cut)
}
