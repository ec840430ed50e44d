package snapshots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// Status says how bad a Finding is. The zero Status is invalid.
type Status string

// How bad a finding is.
const (
	StatusOK   Status = "ok"
	StatusWarn Status = "warn" // works, but slower or not everything
	StatusFail Status = "fail" // labs cannot run
)

// Finding is one thing that was looked at on this host.
type Finding struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // a command to paste; empty where nothing is to be done
}

// host is what Examine looks at, so that tests can show it another one.
type host struct {
	root     string // "/"; before every path
	euid     int
	user     string
	env      func(string) string
	lookPath func(string) (string, error)
	qemuUser func() (agent.Owner, error)
	mem      func() (memory, error)
	free     func(string) (uint64, error)
}

// Examine looks at everything that labs need of this host. It has no effect
// and asks nobody over the network. Env looks up an environment variable.
func Examine(_ context.Context, env func(string) string) []Finding {
	h := host{
		root: "/", euid: os.Geteuid(), user: userName(), env: env, lookPath: lookProgram,
		qemuUser: agent.QEMUOwner, mem: hostMemory, free: freeBytes,
	}
	return h.examine()
}

func (h host) examine() []Finding {
	var out []Finding
	for _, look := range []func() []Finding{
		h.programs, h.files, h.accel, h.users, h.confinement, h.memory, h.folders,
	} {
		out = append(out, look()...)
	}
	return out
}

// at is the path of a file on the examined host.
func (h host) at(path string) string { return filepath.Join(h.root, path) }

func (h host) exists(path string) bool {
	_, err := os.Stat(h.at(path))
	return err == nil
}

// sudo puts what an ordinary user needs before a command of root's.
func (h host) sudo(command string) string {
	if h.euid == 0 {
		return command
	}
	return "sudo " + command
}

// accel tells how machines will run, and how they could run faster.
func (h host) accel() []Finding {
	f := Finding{Name: "acceleration"}
	accel, reason, err := ChooseAccel(h.env)
	switch {
	case err != nil:
		f.Status, f.Detail, f.Fix = StatusFail, err.Error(), "unset PATCHLAB_ACCEL"
	case accel == agent.AccelKVM:
		f.Status, f.Detail = StatusOK, "kvm: "+reason
	case h.env("PATCHLAB_ACCEL") != "":
		f.Status, f.Detail = StatusWarn, "emulation, about ten times slower: "+reason
	default:
		f.Status, f.Detail = StatusWarn, "emulation, about ten times slower: "+reason
		f.Fix = h.kvmFix()
	}
	return append([]Finding{f}, h.kvmAccess()...)
}

// kvmFix is how this user gets at a device that is there.
func (h host) kvmFix() string {
	if !h.exists("/dev/kvm") || h.euid == 0 {
		return "" // in the host's firmware, or in the settings of the machine that this one runs in
	}
	if f, err := os.OpenFile(h.at("/dev/kvm"), os.O_RDWR, 0); err == nil {
		_ = f.Close()
		return ""
	}
	return "sudo usermod -aG kvm " + h.user + "   (then log in again)"
}

// kvmAccess finds the device closed to the user that runs QEMU for root:
// libvirt then waits up to a minute at every start.
func (h host) kvmAccess() []Finding {
	info, err := os.Stat(h.at("/dev/kvm"))
	if err != nil || h.euid != 0 || info.Mode().Perm()&0o060 == 0o060 {
		return nil
	}
	return []Finding{{
		Name: "kvm device", Status: StatusWarn,
		Detail: fmt.Sprintf("/dev/kvm has mode %04o: the user that runs QEMU cannot open it, and libvirt takes up to a minute to find out", info.Mode().Perm()),
		Fix:    "chgrp kvm /dev/kvm && chmod 0660 /dev/kvm",
	}}
}

// users looks at who runs QEMU and who builds images.
func (h host) users() []Finding {
	if h.euid == 0 {
		o, err := h.qemuUser()
		if err != nil {
			return []Finding{{Name: "QEMU's user", Status: StatusFail, Detail: err.Error(), Fix: hintOf(err)}}
		}
		return []Finding{{Name: "QEMU's user", Status: StatusOK, Detail: "QEMU runs as " + o.User}}
	}
	return append(h.noNewPrivileges(), h.userNamespaces(), h.subordinate("/etc/subuid", "--add-subuids"), h.subordinate("/etc/subgid", "--add-subgids"))
}

// noNewPrivileges finds that newuidmap has no effect, as in a hardened service:
// it is what makes images as an ordinary user.
func (h host) noNewPrivileges() []Finding {
	status, err := os.ReadFile(h.at("/proc/self/status"))
	if err != nil || !strings.Contains(string(status), "NoNewPrivs:\t1") {
		return nil
	}
	return []Finding{{
		Name: "privileges", Status: StatusWarn,
		Detail: "this process may get no new privileges: labs run, but images cannot be built",
		Fix:    "patchlab image build DIR   (outside of the hardened service or container, before it needs them)",
	}}
}

func hintOf(err error) string {
	var he *lab.HostError
	if errors.As(err, &he) {
		return he.Hint
	}
	return ""
}

// userNamespaces finds the switches with which distributions keep ordinary
// users from making namespaces, which building an image needs.
func (h host) userNamespaces() Finding {
	f := Finding{Name: "user namespaces", Status: StatusOK, Detail: "ordinary users may make them"}
	for _, sw := range []struct{ path, off, fix string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=10000"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
	} {
		b, err := os.ReadFile(h.at(sw.path))
		if err == nil && strings.TrimSpace(string(b)) == sw.off {
			f.Status, f.Detail, f.Fix = StatusWarn, fmt.Sprintf("images cannot be built by this user: %s is %s", sw.path, sw.off), sw.fix
		}
	}
	return f
}

// subordinate looks for the numbers that a user namespace's users get.
func (h host) subordinate(path, flag string) Finding {
	f := Finding{Name: path, Status: StatusOK, Detail: "user " + h.user + " has numbers"}
	b, err := os.ReadFile(h.at(path))
	if err == nil {
		for l := range strings.Lines(string(b)) {
			name, _, _ := strings.Cut(l, ":")
			if name == h.user || name == fmt.Sprint(h.euid) {
				return f
			}
		}
	}
	f.Status, f.Detail = StatusWarn, "images cannot be built by this user: it has no subordinate numbers"
	f.Fix = fmt.Sprintf("sudo usermod %s 100000-165535 %s", flag, h.user)
	return f
}
