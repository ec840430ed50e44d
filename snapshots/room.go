package snapshots

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab"
)

// diskNeedMiB estimates what an instance of l will add to the store.
func (s *Store) diskNeedMiB(l *lab.Lab) int {
	need := len(l.Machines) * overlayMiB
	for _, img := range l.Images {
		if img.Build == nil {
			continue
		}
		if _, have, err := s.byRecipe(recipeKey(img.Build)); err == nil && !have {
			need += buildMiB
		}
	}
	return need
}

// readyDiskNeedMiB estimates what making a ready state of l will add to the
// store: what an instance adds, and the memory of all machines.
func (s *Store) readyDiskNeedMiB(l *lab.Lab) int {
	need := s.diskNeedMiB(l)
	for _, m := range l.Machines {
		need += m.MemoryMiB
	}
	return need
}

// checkDisk reports whether needMiB of disk are free for op: a *lab.BusyError
// when what the store holds itself would make room, a *lab.HostError when it
// would not.
func (s *Store) checkDisk(op string, needMiB int) error {
	free, err := s.free(s.home)
	if err != nil {
		return err
	}
	short := needMiB - int(free>>20)
	if short <= 0 {
		return nil
	}
	held, holders := s.heldMiB()
	if held >= short {
		return &lab.BusyError{
			What:   fmt.Sprintf("disk (%d MiB needed to %s, %d MiB free below %s)", needMiB, op, free>>20, s.home),
			Holder: holders + "; patchlab gc --dry-run shows what can go",
		}
	}
	return &lab.HostError{
		Op:   op,
		Err:  fmt.Errorf("%d MiB of disk are needed below %s, %d MiB are free", needMiB, s.home, free>>20),
		Hint: "PATCHLAB_HOME moves what patchlab keeps; df -h shows what is full",
	}
}

// heldMiB is what instances and ready states occupy on the disk, and who they
// are, for a message.
func (s *Store) heldMiB() (total int, holders string) {
	var names []string
	add := func(name, path string) {
		mib := int(allocatedBytes(path) >> 20)
		total += mib
		names = append(names, fmt.Sprintf("%s (%s)", name, sizeText(mib)))
	}
	dirs, err := s.instanceDirs()
	if err == nil {
		for _, dir := range dirs {
			add("instance "+filepath.Base(dir), dir)
		}
	}
	states, err := s.readyStates()
	if err == nil {
		for _, r := range states {
			add(fmt.Sprintf("ready state %.12s of lab %s", r.Key, r.Lab), r.dir)
		}
	}
	return total, strings.Join(names, ", ")
}

// freeBytes is what this user can still write below path.
func freeBytes(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("cannot look at the disk of %s: %w", path, err)
	}
	return st.Bavail * uint64(st.Bsize), nil //nolint:gosec // never negative
}
