package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// treePrefix begins the name of an unfinished image's tree.
const treePrefix = "patchlab-"

// newPart makes a folder for an unfinished image. Its journal is open for as
// long as its maker lives.
func (s *Store) newPart() (dir string, j *journal, err error) {
	j, err = s.newJournal()
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(s.imagesDir(), partPrefix+j.id)
	err = errors.Join(
		j.intend(intent{Step: "image", Path: dir}),
		j.intend(intent{Step: "tree", Path: s.partTree(dir)}),
	)
	if err == nil {
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("cannot make folder: %w", err), j.end())
	}
	return dir, j, nil
}

// partTree is where the root file system of an unfinished image is unpacked.
// Neither a user namespace's root nor apt's own user can walk through a
// private folder, so it is outside the store, under a name that follows from
// the folder's.
func (s *Store) partTree(work string) string {
	return filepath.Join(s.treeBase, treePrefix+strings.TrimPrefix(filepath.Base(work), partPrefix))
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
