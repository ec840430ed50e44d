package guest

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// planTransfer looks at src on this host.
func planTransfer(src, dst string, mode fs.FileMode) (*transfer, error) {
	t := &transfer{folders: []string{path.Dir(dst)}}
	info, err := os.Stat(src)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return t, t.add(src, dst, mode, false)
	}
	return t, filepath.WalkDir(src, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, name)
		if err != nil {
			return err
		}
		to := path.Join(dst, filepath.ToSlash(rel))
		if e.IsDir() {
			t.folders = append(t.folders, to)
			return nil
		}
		return t.add(name, to, mode, true)
	})
}

// add puts a file into the transfer.
func (t *transfer) add(src, dst string, mode fs.FileMode, keepExecutable bool) error {
	info, err := os.Stat(src)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a directory", src)
	}
	if keepExecutable && info.Mode()&0o100 != 0 {
		mode |= mode & 0o444 >> 2
	}
	temporary := path.Join(path.Dir(dst), ".patchlab-"+rand.Text())
	t.items = append(t.items, &item{src: src, dst: dst, temporary: temporary, mode: mode})
	t.total += info.Size()
	return nil
}
