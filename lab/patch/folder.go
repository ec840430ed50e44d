package patch

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// unfinished are the ends of the names of files that are still being written.
var unfinished = []string{".part", ".tmp", ".crdownload", ".filepart"}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") }

// copying are the names under which rsync writes a file: .NAME.XXXXXX.
var copying = regexp.MustCompile(`^\..+\.[0-9A-Za-z]{6}$`)

func isUnfinished(name string) bool {
	return copying.MatchString(name) || slices.ContainsFunc(unfinished, func(end string) bool { return strings.HasSuffix(name, end) })
}

// Unfinished returns which file is still being written, by its name (*.part and
// the like, and rsync's): path itself, or one in or below it, when it is a
// folder, as the path of that. Empty: none. Other hidden ones are not looked at.
// The error is that the folder cannot be read.
func Unfinished(path string) (file string, err error) {
	if isUnfinished(filepath.Base(path)) {
		return path, nil // also when it has got its name meanwhile
	}
	err = walk(path, func(at string, d fs.DirEntry) error {
		if isUnfinished(d.Name()) {
			file = at
			return fs.SkipAll
		}
		return nil
	})
	return file, err
}

// walk visits path, which may be a link, and all that is below it but for what
// is hidden, and is not just being copied.
func walk(path string, visit func(at string, d fs.DirEntry) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := visit(path, fs.FileInfoToDirEntry(info)); err != nil || !info.IsDir() {
		if errors.Is(err, fs.SkipAll) {
			return nil
		}
		return err
	}
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case at == root:
			return nil
		case isHidden(d.Name()) && d.IsDir():
			return fs.SkipDir
		case isHidden(d.Name()) && !copying.MatchString(d.Name()):
			return nil
		}
		return visit(path+strings.TrimPrefix(at, root), d)
	})
}

// withoutPatches fails when a folder of a folder of packages holds patches:
// those would be left out.
func withoutPatches(dir string, windows bool) error {
	return walk(dir, func(at string, d fs.DirEntry) error {
		named := packageNames[strings.ToLower(filepath.Ext(at))] != "" || windows && isWindowsScript(at)
		if d.IsDir() || !named && !isPatch(at) {
			return nil
		}
		return fmt.Errorf("its folder %s holds patches (%s), and what is in a folder of it is not tested: put all into one folder, or give that one",
			filepath.Base(dir), filepath.Base(at))
	})
}

// isPatch reports whether a file is a patch by its content, if a damaged one.
func isPatch(path string) bool {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	kind, err := recogniseFile(path)
	return kind != "" || err != nil
}

// recogniseFolder fills p in from the packages of a folder, in the order of
// their names.
func recogniseFolder(p *lab.Patch, dir string, windows bool) error {
	if file, err := Unfinished(dir); file != "" || err != nil {
		return cmp.Or(err, fmt.Errorf("it is not whole yet: %s is still being written, by its name", filepath.Base(file)))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := map[lab.PatchKind][]string{} // base names
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if isHidden(e.Name()) {
			continue
		}
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			if packageNames[strings.ToLower(filepath.Ext(name))] != "" {
				return fmt.Errorf("%s is no file that can be read", e.Name())
			}
			if err == nil && info.IsDir() {
				if err := withoutPatches(name, windows); err != nil {
					return err
				}
			}
			continue
		}
		kind, err := recogniseFile(name)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		if kind == lab.PatchScript || kind == "" && windows && isWindowsScript(name) {
			return fmt.Errorf("it holds the script %s, and it is not clear whether to run it", e.Name())
		}
		if !namedForWindows(name, kind) {
			return fmt.Errorf("%s: %w", e.Name(), wrongName(kind))
		}
		if kind != "" {
			found[kind] = append(found[kind], e.Name())
		}
	}
	return onlyKind(p, dir, found)
}

// onlyKind fills p in when all that was found is of one kind.
func onlyKind(p *lab.Patch, dir string, found map[lab.PatchKind][]string) error {
	if len(found) == 0 {
		return errors.New("it holds no package of a known kind")
	}
	if len(found) > 1 {
		var list []string
		for kind, names := range found {
			list = append(list, fmt.Sprintf("%d %s (%s)", len(names), kind, names[0]))
		}
		slices.Sort(list)
		return fmt.Errorf("it holds packages of several kinds: %s; put each kind into a folder of its own", strings.Join(list, ", "))
	}
	for kind, names := range found {
		if kind == lab.PatchEXE {
			return fmt.Errorf("it holds the program %s: give that file itself to run it", names[0])
		}
		p.Kind = kind
		for _, n := range names {
			p.Files = append(p.Files, filepath.Join(dir, n))
		}
	}
	return nil
}
