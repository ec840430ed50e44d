package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/patch"
)

// hashes is a set of SHA-256 sums of files.
type hashes map[string]bool

// holds reports whether all of other are in h.
func (h hashes) holds(other hashes) bool {
	for sum := range other {
		if !h[sum] {
			return false
		}
	}
	return true
}

// given is a file that the gate is asked about.
type given struct {
	Path string // as given
	lab.FileRecord
}

// readFiles hashes the files at paths, in order. Those that cannot be read are
// all named in one *lab.UsageError.
func readFiles(paths []string) ([]given, error) {
	files := make([]given, len(paths))
	var errs []error
	for i, path := range paths {
		f, err := readFile(path)
		if err != nil {
			errs = append(errs, err)
		}
		files[i] = f
	}
	if len(errs) > 0 {
		return nil, &lab.UsageError{
			Err:  errors.Join(errs...),
			Hint: "give files: each package that is to go out, by its path",
		}
	}
	return files, nil
}

func readFile(path string) (given, error) {
	f := given{Path: path}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return f, unreadable(path, err)
	case info.IsDir():
		return f, fmt.Errorf("%s is a folder: give files", lab.Printable(path, longName))
	case !info.Mode().IsRegular(): // opening a pipe would wait for somebody to write
		return f, fmt.Errorf("%s is no ordinary file", lab.Printable(path, longName))
	}
	// As the files of a patch are, so that the same package is told alike.
	rec, err := patch.Pin(&lab.Patch{Files: []string{path}})
	if err != nil {
		return f, unreadable(path, err)
	}
	f.FileRecord = rec.Files[0]
	return f, nil
}

// unreadable names the path once, and printable.
func unreadable(path string, err error) error {
	if in, ok := errors.AsType[*fs.PathError](err); ok {
		err = in.Err
	}
	return fmt.Errorf("cannot read %s: %w", lab.Printable(path, longName), err)
}

// isSamePackage reports whether the two are the same package in the same
// version, whatever their bytes: by what they say of themselves, or by name.
func isSamePackage(a, b lab.FileRecord) bool {
	said := a.Package != "" && a.Package == b.Package && a.Version == b.Version && a.Arch == b.Arch
	return said || filepath.Base(a.Name) == filepath.Base(b.Name)
}
