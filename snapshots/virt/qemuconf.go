package virt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab/agent"
)

// serconPath is a file with the I/O port on which SeaBIOS writes what it says.
func serconPath(spec *agent.Spec) string { return filepath.Join(spec.RunDir, "sercon") }

// sercon is COM1 as SeaBIOS reads it, little-endian.
var sercon = []byte{0xf8, 0x03}

// qemuConf configures the embedded driver.
//
// Owners of files are package snapshots' business, so libvirt changes none.
// No mount name space, control group or security module: the driver must work
// in containers, and sockets named in qemu:commandline are unknown to those
// modules' rules, so they would be refused. QEMU's own system call filter and
// its ordinary user stay.
func qemuConf(o agent.Owner) string {
	var b strings.Builder
	b.WriteString("stdio_handler = \"file\"\nsecurity_driver = \"none\"\nsecurity_default_confined = 0\nnamespaces = []\ncgroup_controllers = []\n" +
		"dynamic_ownership = 0\nremember_owner = 0\nseccomp_sandbox = 1\nmax_core = 0\n")
	if o.Other {
		fmt.Fprintf(&b, "user = %q\ngroup = %q\n", fmt.Sprintf("+%d", o.UID), fmt.Sprintf("+%d", o.GID))
	}
	return b.String()
}

// prepareRoot makes a fresh libvirt root: what a dead agent left in it is
// worth nothing once its machines are gone.
func prepareRoot(spec *agent.Spec, o agent.Owner) error {
	root := spec.VirtRoot()
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	etc := filepath.Join(root, "etc")
	for _, d := range []string{root, etc} {
		if err := os.MkdirAll(d, 0o711); err != nil { //nolint:gosec // QEMU's user passes through
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(etc, "qemu.conf"), []byte(qemuConf(o)), 0o600); err != nil {
		return err
	}
	path := serconPath(spec)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.WriteFile(path, sercon, 0o444); err != nil { //nolint:gosec // QEMU's user reads it
		return err
	}
	return os.Chmod(path, 0o444) //nolint:gosec // whatever the umask was
}
