package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkFreezing refuses what would read or write anything but files of the
// instance's folder.
func checkFreezing(spec *Spec, fs []Freezing) error {
	if len(fs) == 0 {
		return badRequest("no machine to freeze")
	}
	seen := map[string]bool{} // names and paths: a path has a slash
	once := func(what string) error {
		if seen[what] {
			return badRequest("%q is named twice", what)
		}
		seen[what] = true
		return nil
	}
	for _, f := range fs {
		if spec.Machine(f.Machine) == nil {
			return fmt.Errorf("cannot freeze machine %q: %w", f.Machine, ErrUnknownMachine)
		}
		errs := []error{once(f.Machine), checkNew(spec.Dir, f.State), once(f.State)}
		for _, c := range f.Copies {
			errs = append(errs, checkSource(spec.Dir, c.From), checkNew(spec.Dir, c.To), once(c.To))
		}
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// checkNew refuses a path that is not below dir, or taken.
func checkNew(dir, path string) error {
	if err := checkBelow(dir, path); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return badRequest("%q exists already", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return badRequest("%v", err)
	}
	return nil
}

// checkSource refuses a path that is no file below dir.
func checkSource(dir, path string) error {
	if err := checkBelow(dir, path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return badRequest("%v", err)
	}
	if !info.Mode().IsRegular() {
		return badRequest("%q is no regular file", path)
	}
	return nil
}

// checkBelow refuses a path that is not clean, absolute and in a folder below
// dir, or dir itself, which no link leads to.
func checkBelow(dir, path string) error {
	rel, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsAbs(path) || filepath.Clean(path) != path || rel == "." || !filepath.IsLocal(rel) {
		return badRequest("%q is not a clean absolute path below %q", path, dir)
	}
	for parent := filepath.Dir(path); parent != dir; parent = filepath.Dir(parent) {
		info, err := os.Lstat(parent)
		if err != nil {
			return badRequest("%v", err)
		}
		if !info.IsDir() {
			return badRequest("%q is no folder", parent)
		}
	}
	return nil
}
