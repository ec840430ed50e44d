package snapshots

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// owner is who must get at the files of machines: nobody but this user, or,
// where libvirt runs root's QEMU as a user of its own, that one too.
type owner struct{ agent.Owner }

func hostOwner() (owner, error) {
	o, err := agent.QEMUOwner()
	return owner{o}, err
}

// dirMode lets QEMU walk through a folder, but not list it.
func (o owner) dirMode() fs.FileMode {
	if o.Other {
		return 0o711
	}
	return 0o700
}

// mkdir makes a folder that QEMU can walk through, with its parents.
func (o owner) mkdir(dir string) error {
	if err := os.MkdirAll(dir, o.dirMode()); err != nil {
		return fmt.Errorf("cannot make folder: %w", err)
	}
	if err := os.Chmod(dir, o.dirMode()); err != nil {
		return fmt.Errorf("cannot set the mode of folder: %w", err)
	}
	return nil
}

// give makes path, a file that this process made, QEMU's own with mode.
func (o owner) give(path string, mode fs.FileMode) error {
	if err := o.Give(path, mode); err != nil {
		return fmt.Errorf("cannot give file to QEMU: %w", err)
	}
	return nil
}

// claimDir makes dir and sees to it that it is this user's own folder, which
// nobody else may write to: what lies in it is executed and trusted.
func (o owner) claimDir(dir string) error {
	if err := os.MkdirAll(dir, o.dirMode()); err != nil {
		return &lab.HostError{Op: "make folder " + dir, Err: err, Hint: "choose another with PATCHLAB_HOME and XDG_RUNTIME_DIR"}
	}
	if err := o.check(dir); err != nil {
		return err
	}
	if err := os.Chmod(dir, o.dirMode()); err != nil {
		return fmt.Errorf("cannot set the mode of folder: %w", err)
	}
	return nil
}

// check refuses dir as a place to keep things. One that does not exist yet
// is fine where its parents are.
func (o owner) check(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return o.reachable(filepath.Join(nearest(dir), "new"))
	}
	if err != nil {
		return fmt.Errorf("cannot look at folder: %w", err)
	}
	var cause string
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		cause = "it is not a folder"
	case !ok || int(stat.Uid) != os.Geteuid():
		cause = "it belongs to another user"
	case info.Mode().Perm()&0o022 != 0:
		cause = fmt.Sprintf("others may write to it (mode %04o)", info.Mode().Perm())
	}
	if cause != "" {
		return &lab.HostError{
			Op: "use folder " + dir, Err: errors.New(cause),
			Hint: "remove it, or choose another with PATCHLAB_HOME and XDG_RUNTIME_DIR",
		}
	}
	return o.reachable(dir)
}

// reachable finds the parent of dir that QEMU's user cannot walk through.
func (o owner) reachable(dir string) error {
	for d := filepath.Dir(dir); o.Other; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return fmt.Errorf("cannot look at folder: %w", err)
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && !o.mayWalk(stat) {
			return &lab.HostError{
				Op:   "use folder " + dir,
				Err:  fmt.Errorf("QEMU's user %s cannot walk through %s (mode %04o)", o.User, d, info.Mode().Perm()),
				Hint: "keep it below a folder that all may enter: PATCHLAB_HOME=/var/lib/patchlab",
			}
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	return nil
}

// mayWalk applies the kernel's rule: only the first class that fits counts.
func (o owner) mayWalk(st *syscall.Stat_t) bool {
	switch {
	case int(st.Uid) == o.UID:
		return st.Mode&0o100 != 0
	case int(st.Gid) == o.GID:
		return st.Mode&0o010 != 0
	}
	return st.Mode&0o001 != 0
}
