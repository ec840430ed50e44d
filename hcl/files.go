package hcl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Extension is how the names of definition files end.
const Extension = ".hcl"

// maxFile is the most bytes that a definition file may have.
const maxFile = 8 << 20

// Files returns the definition files of dir, sorted by name: its *.hcl files,
// not those of folders in it, and not hidden ones (editors keep their locks
// and copies there). Links to files count. A directory that is missing or has
// no such file is a *lab.UsageError.
func Files(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, dirError(dir, err)
	}
	var files []string
	for _, e := range entries { // ReadDir sorts by name
		name := e.Name()
		if !strings.HasSuffix(name, Extension) || strings.HasPrefix(name, ".") {
			continue
		}
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			return nil, &lab.UsageError{Err: fmt.Errorf("cannot read the definition: %w", err), Hint: "mend or remove that link"}
		}
		if info.Mode().IsRegular() {
			files = append(files, path)
		}
	}
	if len(files) == 0 {
		return nil, &lab.UsageError{
			Err:  fmt.Errorf("cannot find a definition in %s: it has no *%s file", dir, Extension),
			Hint: "give the directory that holds the lab's *.hcl files, such as examples/dental",
		}
	}
	return files, nil
}

// dirError says what is wrong with a directory that cannot be read.
func dirError(dir string, err error) error {
	hint := "give the directory that holds the lab's *.hcl files, such as examples/dental"
	if info, serr := os.Stat(dir); serr == nil && !info.IsDir() {
		hint = fmt.Sprintf("a lab is a directory, not one file: give %s", filepath.Dir(dir))
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &lab.UsageError{Err: fmt.Errorf("cannot read the definition in %s: %w", dir, err), Hint: hint}
}
