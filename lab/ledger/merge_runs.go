package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
)

// unfinishedPrefix begins the names of folders that are not run records yet, or
// no longer. Who works in one holds the lock in it, and makes it under the
// lock of the folder of all runs: so lab.SweepUnfinished removes those of
// processes that died, and no others.
const unfinishedPrefix = ".unfinished-"

// copyRuns copies the run records of another ledger that are not here yet, and
// returns how many, and which of its runs have none, neither there nor here.
func (m *merge) copyRuns(ctx context.Context, i int) (copied int, missing []string, err error) {
	entries := m.audit.entries[i]
	gone, here := removed(entries), m.removedHere()
	for n := range entries {
		e := &entries[n]
		if e.Kind != Run {
			continue
		}
		r := keptRun{e.Lab, e.Run.ID}
		if m.have(r) || here[r] {
			continue
		}
		if ctx.Err() != nil {
			return copied, nil, context.Cause(ctx)
		}
		err := m.copyRun(ctx, r, e.Run.Sums)
		switch {
		case err == nil:
			copied++
		case !errors.Is(err, errNoRecord):
			return copied, nil, fmt.Errorf("cannot copy run %s: %w", r.path(), err)
		case !gone[r]:
			missing = append(missing, r.path())
		}
	}
	return copied, missing, nil
}

// removedHere are the runs that were here and went by this host's own limits.
func (m *merge) removedHere() map[keptRun]bool {
	list, err := m.entries(Filter{Kinds: []Kind{Prune}})
	if err != nil {
		return nil // the chain was followed: it cannot be
	}
	return removedHere(list, m.own().id)
}

var errNoRecord = errors.New("there is no record of the run")

// copyRun copies a run's folder under a hidden name, compares it with the sums
// of its entry, and gives it its name.
func (m *merge) copyRun(ctx context.Context, r keptRun, want string) error {
	runs, err := os.OpenRoot(m.other.Runs)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoRecord
	}
	if err != nil {
		return hostError("read the other run records", err)
	}
	defer runs.Close()
	from, err := runs.OpenRoot(r.path())
	if errors.Is(err, fs.ErrNotExist) {
		return errNoRecord
	}
	if err != nil {
		return hostError("read the other run record", err)
	}
	defer from.Close()
	text, err := readSmall(from, sumsFile, maxSums)
	if err != nil {
		return hostError("read the other run record", err)
	}
	listed, err := parseSums(text)
	if sum := sha256.Sum256(text); err != nil || hex.EncodeToString(sum[:]) != want {
		return fmt.Errorf("%w: %s/%s", ErrTampered, r.path(), sumsFile)
	}
	tmp, lock, err := m.claim(r)
	if err != nil {
		return hostError("make the run's folder", err)
	}
	defer func() { _ = os.RemoveAll(tmp); _ = lock.Close() }() // nothing is there when it has its name
	if err := m.fill(ctx, from, tmp, listed, text); err != nil {
		return err
	}
	if err := m.step("merge run"); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(filepath.Join(tmp, lockFile)), os.Rename(tmp, m.g.dirOf(r))); err != nil {
		return hostError("keep the run record", err)
	}
	return named(m.g.dirOf(r))
}

// claim makes the hidden folder of a run and takes its lock.
func (m *merge) claim(r keptRun) (dir string, lock *flock.Flock, err error) {
	if err := os.MkdirAll(filepath.Join(m.g.Runs, r.lab), 0o700); err != nil {
		return "", nil, err
	}
	all := flock.New(filepath.Join(m.g.Runs, lockFile))
	if err := all.Lock(); err != nil {
		return "", nil, err
	}
	defer func() { _ = all.Close() }()
	dir, err = os.MkdirTemp(filepath.Join(m.g.Runs, r.lab), unfinishedPrefix+r.id+"-")
	if err != nil {
		return "", nil, err
	}
	lock = flock.New(filepath.Join(dir, lockFile))
	return dir, lock, lock.Lock()
}

// fill copies the files that are listed.
func (m *merge) fill(ctx context.Context, from *os.Root, dir string, listed sums, text []byte) error {
	to, err := os.OpenRoot(dir)
	if err != nil {
		return hostError("make the run's folder", err)
	}
	defer to.Close()
	for _, path := range slices.Sorted(maps.Keys(listed)) {
		if err := m.step("merge file"); err != nil {
			return err
		}
		sum, err := copyFile(ctx, from, to, path)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return hostError("copy the run record", err)
		}
		if sum != listed[path] {
			return fmt.Errorf("%w: %s", ErrTampered, path)
		}
	}
	err = to.WriteFile(sumsFile, text, 0o600)
	if err == nil {
		err = settle(to)
	}
	if err != nil {
		return hostError("copy the run record", err)
	}
	return nil
}

// copyFile copies a regular file and returns its hash.
func copyFile(ctx context.Context, from, to *os.Root, path string) (sum string, err error) {
	in, err := openRegular(from, path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || info.Size() > maxCopied {
		return "", cmp.Or(err, error(&fs.PathError{Op: "copy", Path: path, Err: errTooLarge}))
	}
	if err := to.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	out, err := to.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), until(ctx, in))
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, out.Sync(), out.Close())
}

// sumsOf is the hash of the list of sums in a run's folder.
func sumsOf(dir string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	return fileSum(context.Background(), root, sumsFile)
}
