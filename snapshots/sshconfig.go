package snapshots

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// SSHConfig returns an OpenSSH client configuration (ssh_config(5)) with one
// entry for each machine, reached through the instance's own network by
// `patchlab dial`. Program is the path of patchlab. Host keys are pinned.
func (r *Running) SSHConfig(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# lab %q, instance %s\n", r.Spec.Lab, r.Spec.ID)
	for _, m := range r.Spec.Machines {
		proxy := guest.Quote(program, "dial", "--socket", r.Spec.SocketPath(), r.Spec.Lab, m.Name, fmt.Sprint(sshPort))
		fmt.Fprintf(&b, "Host %s\n", m.Name)
		for _, line := range []string{
			"HostName " + m.Name,
			"User " + sshUser,
			"IdentityFile " + sshValue(r.ClientKeyPath),
			"IdentitiesOnly yes",
			"IdentityAgent none",
			"UserKnownHostsFile " + sshValue(r.KnownHostsPath),
			"GlobalKnownHostsFile /dev/null",
			"HostKeyAlias " + m.Name,
			"StrictHostKeyChecking yes",
			"PasswordAuthentication no",
			"LogLevel ERROR",
			"ProxyCommand " + strings.ReplaceAll(proxy, "%", "%%"),
		} {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	return b.String()
}

// sshValue writes a path as a value of ssh_config: quoted, since it may hold
// spaces, and with the percent signs that start tokens doubled.
func sshValue(path string) string {
	return `"` + strings.ReplaceAll(path, "%", "%%") + `"`
}

// WriteSSHConfig writes the configuration into the instance's folder and
// returns its path.
func (r *Running) WriteSSHConfig(program string) (string, error) {
	path := filepath.Join(r.Spec.Dir, "ssh_config")
	if err := renameio.WriteFile(path, []byte(r.SSHConfig(program)), 0o600); err != nil {
		return "", &lab.HostError{Op: "write the ssh configuration", Err: err}
	}
	return path, nil
}
