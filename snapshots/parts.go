package snapshots

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

// newPart makes a folder for an unfinished image. It is locked for as long as
// its maker lives.
func (s *Store) newPart() (dir string, release func(), err error) {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	dir = filepath.Join(s.imagesDir(), partPrefix+hex.EncodeToString(id[:]))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("cannot make folder: %w", err)
	}
	lock := flock.New(partLock(dir), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return "", nil, errors.Join(fmt.Errorf("cannot lock folder %s: %w", dir, err), os.RemoveAll(dir))
	}
	return dir, func() { _ = lock.Close(); _ = os.Remove(lock.Path()) }, nil
}

// partLock is beside the folder: it is held until the folder is gone.
func partLock(dir string) string { return dir + ".lock" }

// partTree is where the root file system of an unfinished image is unpacked.
// Neither a user namespace's root nor apt's own user can walk through a
// private folder, so it is outside the store, under a name that follows from
// the folder's.
func (s *Store) partTree(work string) string {
	return filepath.Join(s.treeBase, "patchlab-"+strings.TrimPrefix(filepath.Base(work), partPrefix))
}

// removePart removes an unfinished image with everything that belongs to it.
func (s *Store) removePart(ctx context.Context, work string) error {
	return errors.Join(s.removeTree(ctx, s.partTree(work)), os.RemoveAll(work))
}

// removeTree removes a root file system. For an ordinary user its files
// belong to the numbers of a user namespace, from which they are removed.
func (s *Store) removeTree(ctx context.Context, dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look at folder: %w", err)
	}
	// Its name can be guessed by others once we are dead.
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() || !info.IsDir() {
		return nil
	}
	if err = os.RemoveAll(dir); err == nil || os.Geteuid() == 0 {
		return err
	}
	var said tail
	err = s.run.Run(ctx, Tool{
		Name:   "unshare",
		Args:   []string{"--user", "--map-root-user", "--map-auto", "rm", "-rf", "--one-file-system", "--", dir},
		Stderr: &said,
	})
	if err != nil {
		return toolError("remove the unfinished image "+dir, err, &said)
	}
	return nil
}

// sweepParts removes unfinished images whose maker is dead. What cannot be
// removed is left for the next time.
func (s *Store) sweepParts(ctx context.Context) {
	dirs, err := filepath.Glob(filepath.Join(s.imagesDir(), partPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if strings.HasSuffix(dir, ".lock") {
			continue
		}
		lock := flock.New(partLock(dir), flock.SetPermissions(0o600))
		if ok, err := lock.TryLock(); err != nil || !ok {
			continue
		}
		if s.removePart(ctx, dir) == nil {
			_ = os.Remove(lock.Path())
		}
		_ = lock.Close()
	}
}
