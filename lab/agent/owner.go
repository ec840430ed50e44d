package agent

import (
	"os"
	"os/user"
	"strconv"

	"github.com/patchlab/patchlab/lab"
)

// Values of Spec.Accel.
const (
	AccelKVM = "kvm"
	AccelTCG = "tcg" // emulation
)

// qemuOwners are the names under which distributions run QEMU for root.
var qemuOwners = []struct{ user, group string }{
	{"libvirt-qemu", "kvm"},
	{"qemu", "qemu"},
}

// Owner is who runs QEMU: files that a machine writes, and sockets it connects
// to, must belong to it.
type Owner struct {
	UID, GID int
	// Other is whether that is somebody else than this process: root's
	// machines do not run as root.
	Other       bool
	User, Group string // names; set when Other
}

// QEMUOwner returns who runs QEMU when this process starts it. An ordinary
// user's machines run as that user. The error is a *lab.HostError.
func QEMUOwner() (Owner, error) {
	if os.Geteuid() != 0 {
		return Owner{UID: os.Geteuid(), GID: os.Getegid()}, nil
	}
	var last error
	for _, o := range qemuOwners {
		uid, gid, err := lookup(o.user, o.group)
		if err == nil {
			return Owner{UID: uid, GID: gid, Other: true, User: o.user, Group: o.group}, nil
		}
		if last == nil {
			last = err
		}
	}
	return Owner{}, &lab.HostError{
		Op: "find the user that runs QEMU for root", Err: last,
		Hint: "make setup",
	}
}

func lookup(userName, groupName string) (uid, gid int, err error) {
	u, err := user.Lookup(userName)
	if err != nil {
		return 0, 0, err
	}
	// libvirt looks up the group of its user's name when it starts, whatever
	// group it is configured with.
	if _, err := user.LookupGroup(userName); err != nil {
		return 0, 0, err
	}
	g, err := user.LookupGroup(groupName)
	if err != nil {
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(g.Gid)
	return uid, gid, err
}

// Give makes path belong to o with the given mode.
func (o Owner) Give(path string, mode os.FileMode) error {
	if o.Other {
		if err := os.Lchown(path, o.UID, o.GID); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}
