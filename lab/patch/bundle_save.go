package patch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Save writes the bundle to folder dir: dir appears whole, or not at all.
// From is the folder that holds the files, on the same file system as dir; it
// is used up. A bundle that was there is replaced; another folder with
// something in it gives a *lab.UsageError.
func (b *Bundle) Save(from, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := replaceable(dir); err != nil {
		return err
	}
	slices.SortFunc(b.Files, func(a, c BundleFile) int { return strings.Compare(a.Name, c.Name) })
	text, err := json.MarshalIndent(b, "", "  ")
	if err == nil {
		err = writeSynced(filepath.Join(from, indexName), append(text, '\n'))
	}
	if err == nil {
		err = swapIn(from, dir)
	}
	if err != nil {
		return &lab.HostError{Op: "save the bundle " + dir, Err: err}
	}
	b.Dir = dir
	return nil
}

// replaceable reports an error when dir holds something that is no bundle.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return &lab.UsageError{Err: fmt.Errorf("cannot save the bundle: %w", err)}
	case len(entries) == 0:
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, indexName)); err != nil {
		return &lab.UsageError{Err: fmt.Errorf("cannot save the bundle: %s holds other files", dir), Hint: "name a folder that is empty or does not exist"}
	}
	return nil
}

// writeSynced writes a file that is on the disk when it returns.
func writeSynced(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// swapIn puts folder from in the place of dir and removes what was there.
func swapIn(from, dir string) error {
	old := from + ".old"
	switch err := os.Rename(dir, old); {
	case errors.Is(err, os.ErrNotExist):
		return os.Rename(from, dir)
	case err != nil:
		return err
	}
	if err := os.Rename(from, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return os.RemoveAll(old)
}
