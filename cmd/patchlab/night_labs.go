package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// nightLabs are the labs that a night is over, as far as they are known.
type nightLabs struct {
	roots []string          // the folders that were given
	dirs  map[string]string // of labs, by name
}

func newNightLabs(dirs []string) *nightLabs {
	n := &nightLabs{dirs: map[string]string{}}
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			continue
		}
		n.roots = append(n.roots, abs)
		if to, err := filepath.EvalSymlinks(abs); err == nil && to != abs {
			n.roots = append(n.roots, to)
		}
	}
	return n
}

// of are the entries that are of the night's labs: by name, or, where the
// definition is broken now, because it lay in one of the folders on this host.
func (n *nightLabs) of(entries []ledger.Entry, host string) (list []ledger.Entry) {
	names := map[string]bool{}
	for _, e := range entries {
		_, known := n.dirs[e.Lab]
		below := e.Host == host && e.Definition != nil && slices.ContainsFunc(n.roots, func(root string) bool {
			rel, err := filepath.Rel(root, e.Definition.Dir)
			return err == nil && filepath.IsLocal(rel)
		})
		names[e.Lab] = names[e.Lab] || known || below
	}
	for _, e := range entries {
		if names[e.Lab] {
			list = append(list, e)
		}
	}
	return list
}

// broken is why a definition cannot be used, on one line.
func broken(dir string, err error) error {
	cause := err.Error()
	if d, ok := errors.AsType[*hcl.Diagnostics](err); ok && d.HasErrors() {
		first := d.All()[0]
		cause = first.Summary + ": " + first.Detail
		if first.File != "" {
			cause = fmt.Sprintf("%s:%d: %s", filepath.Base(first.File), first.Line, cause)
		}
		if more := len(d.All()) - 1; more > 0 {
			cause += fmt.Sprintf(" (and %d more)", more)
		}
	}
	return fmt.Errorf("the definition is broken: %s; patchlab validate %s shows it whole", lab.Printable(cause, 300), dir)
}

// labBlock is what a lab's definition has, also one that is broken or has lost
// its lab block.
var labBlock = regexp.MustCompile(`(?m)^\s*(lab|machine)\b`)

// labDirs finds the labs in and below dirs, sorted, each once. A lab is a
// folder with *.hcl files of which one has a lab block, or a link to one; what
// is below it belongs to it. A folder that cannot be read, or a link that leads
// nowhere, is listed as well: it may be one.
func labDirs(dirs []string) ([]string, error) {
	var list []string
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(abs); err != nil || !info.IsDir() {
			return nil, usagef("patchlab night DIR…", "%s is no folder that can be read", dir)
		}
		if abs, err = filepath.EvalSymlinks(abs); err != nil { // so that a lab has one name
			return nil, err
		}
		before := len(list)
		err = filepath.WalkDir(abs, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil && path == abs:
				return err
			case err != nil: // told when it is loaded, and no reason to leave out the others
				if d.Name() != "lost+found" && !errors.Is(err, fs.ErrNotExist) {
					list = append(list, path)
				}
				return nil
			case d.Type()&fs.ModeSymlink != 0:
				if to := linkedLab(path); to != "" {
					list = append(list, to)
				}
				return nil
			case !d.IsDir():
				return nil
			case path != abs && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case isLab(path):
				list = append(list, path)
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, usagef("", "cannot look for labs below %s: %w", dir, err)
		}
		if len(list) == before {
			return nil, usagef("patchlab validate DIR looks at one definition", "there is no lab definition in or below %s", dir)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// linkedLab is the folder of the lab that a link leads to, or what there is of
// the way there when it cannot be looked at; empty: it leads to no lab. Links of
// hidden names that lead nowhere are an editor's locks.
func linkedLab(link string) string {
	to, err := filepath.EvalSymlinks(link)
	if err != nil {
		if strings.HasPrefix(filepath.Base(link), ".") {
			return ""
		}
		return link
	}
	info, err := os.Stat(to)
	if err == nil && !info.IsDir() {
		return ""
	}
	if _, err := os.ReadDir(to); err == nil && !isLab(to) {
		return ""
	}
	return to
}

// isLab reports whether a folder holds a lab. A definition that cannot be read
// is one: that is said when it is loaded.
func isLab(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		if !strings.HasSuffix(e.Name(), hcl.Extension) || strings.HasPrefix(e.Name(), ".") {
			return false
		}
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return err != nil
		}
		text, err := os.ReadFile(path)
		return err != nil || labBlock.Match(text)
	})
}
