package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
)

const (
	lockName = ".patchlab-site.lock"
	tempName = ".patchlab-site.tmp" // a folder: what is half written
	filePerm = 0o644                // and the umask: pages are there to be shown
	dirPerm  = 0o755
)

// folder is the site's folder, held by this process. Nothing outside of it
// can be reached by the paths it is asked for, nor by links in it.
type folder struct {
	path string
	root *os.Root
	lock *flock.Flock
}

// open makes the folder at out and waits until no other process writes to it.
// A folder of others is a *lab.UsageError.
func open(ctx context.Context, out string) (*folder, error) {
	full, err := filepath.Abs(out)
	if err != nil {
		return nil, &lab.UsageError{Err: fmt.Errorf("cannot find folder %q: %w", out, err)}
	}
	d := &folder{path: full}
	if err := d.claim(); err != nil {
		return nil, err
	}
	d.lock = flock.New(filepath.Join(full, lockName), flock.SetPermissions(filePerm))
	if _, err := d.lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, d.fault(err)
	}
	if d.root, err = os.OpenRoot(full); err != nil {
		_ = d.lock.Close()
		return nil, d.fault(err)
	}
	return d, nil
}

func (d *folder) close() {
	_ = d.root.Close()
	_ = d.lock.Close()
}

// claim makes the folder, or looks whether it is a site's or empty.
func (d *folder) claim() error {
	if err := os.MkdirAll(d.path, dirPerm); err != nil {
		return &lab.UsageError{Err: fmt.Errorf("cannot make folder %q: %w", d.path, err)}
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return &lab.UsageError{Err: fmt.Errorf("cannot look into folder %q: %w", d.path, err)}
	}
	for _, e := range entries {
		if e.Name() == lockName || e.Name() == tempName || strings.HasPrefix(e.Name(), "."+manifestName) {
			continue // of a Write that has begun, or was cut off
		}
		if info, err := os.Lstat(filepath.Join(d.path, manifestName)); err == nil && info.Mode().IsRegular() {
			return nil
		}
		return &lab.UsageError{
			Err:  fmt.Errorf("folder %q holds other things than a site (%q), and is left as it is", d.path, e.Name()),
			Hint: "name a new folder, or an empty one",
		}
	}
	return nil
}

// clear removes what a Write that was cut off left half written, and looks
// whether paths that m does not know are free.
func (d *folder) clear(m *manifest, items []item) error {
	if err := d.root.RemoveAll(tempName); err != nil {
		return d.fault(err)
	}
	for _, it := range items {
		if _, ours := m.Files[it.path]; ours {
			continue
		}
		if _, err := d.root.Lstat(it.path); err == nil {
			return &lab.UsageError{Err: fmt.Errorf("%q of folder %q is not of the site, and is in its way", it.path, d.path)}
		}
	}
	if err := d.root.MkdirAll(tempName, dirPerm); err != nil {
		return d.fault(err)
	}
	return nil
}

// has reports whether the file at path is there with size bytes.
func (d *folder) has(path string, size int64) bool {
	info, err := d.root.Lstat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// put writes a file: whoever looks sees the old contents or the new. It is
// not flushed to the disk: a power loss costs pages, which are written again.
// The number is one that no other put uses at the same time.
func (d *folder) put(name string, text []byte, number int) error {
	temp := tempName + "/" + itoa(number)
	if err := d.root.WriteFile(temp, text, filePerm); err != nil {
		return d.fault(err)
	}
	err := d.root.Rename(temp, name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.root.MkdirAll(path.Dir(name), dirPerm); err == nil {
			err = d.root.Rename(temp, name)
		}
	}
	if err != nil {
		return d.fault(err)
	}
	return nil
}

// remove removes files, which may be gone already, and the folders that are
// empty then.
func (d *folder) remove(paths []string) error {
	dirs := map[string]bool{}
	for _, name := range paths {
		if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return d.fault(err)
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	sorted := make([]string, 0, len(dirs))
	for dir := range dirs {
		sorted = append(sorted, dir)
	}
	slices.Sort(sorted)
	for _, dir := range slices.Backward(sorted) { // the inner ones first
		_ = d.root.Remove(dir) // fails where something is left in it, which is right
	}
	return nil
}

// fault is a host's fault.
func (d *folder) fault(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot write the site to %q: %w", d.path, err)
	}
	return &lab.HostError{Op: fmt.Sprintf("write the site to %q", d.path), Err: err}
}
