package hcl

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
)

// path reads the path of a file, relative to the lab's directory or absolute,
// and returns it absolute. The file must exist.
func (r *reader) path(name string) (string, bool) {
	text, ok := r.str(name, "")
	if !ok {
		return "", false
	}
	return r.file(name, text, r.rangeOf(name))
}

// file returns the absolute path of an existing file.
func (r *reader) file(name, text string, at hclv2.Range) (string, bool) {
	if text == "" {
		r.fail(at, "Empty value", "%q of %s is empty: it must be the path of a file.", name, r.what)
		return "", false
	}
	path := r.absolute(text)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		r.fail(at, "File not found", "%q of %s: there is no file %q: %v.%s", name, r.what, text, cause(err), r.beside(path))
	case !info.Mode().IsRegular():
		r.fail(at, "Not a file", "%q of %s must be a file; %q is something else, such as a directory.", name, r.what, text)
	default:
		return path, true
	}
	return "", false
}

// absolute makes a path absolute, from the lab's directory.
func (r *reader) absolute(text string) string {
	if filepath.IsAbs(text) {
		return filepath.Clean(text)
	}
	return filepath.Join(r.s.dir, text)
}

// cause is an error's text without the path, which is shown already.
func cause(err error) error {
	if path, ok := err.(*os.PathError); ok { //nolint:errorlint // os.Stat returns it unwrapped
		return path.Err
	}
	return err
}

// beside suggests a file of the directory in which path is missing.
func (r *reader) beside(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return suggest(filepath.Base(path), names)
}

// globs reads a list of patterns and returns the files that they match,
// absolute, sorted and without repetitions.
func (r *reader) globs(name string) []string {
	var out []string
	for _, i := range r.strs(name) {
		found, err := r.glob(i.text())
		switch {
		case i.text() == "":
			r.fail(i.at, "Empty value", "An element of %q of %s is empty.", name, r.what)
		case err != nil:
			r.fail(i.at, "Invalid pattern", "%q, in %q of %s: %v.", i.text(), name, r.what, err)
		case len(found) == 0:
			r.fail(i.at, "File not found", "%q, in %q of %s, matches no file in the lab's directory.%s", i.text(), name, r.what, r.beside(r.absolute(i.text())))
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// glob returns the regular files that a pattern matches. A file whose name is
// the pattern itself counts, whatever its characters mean in patterns.
func (r *reader) glob(pattern string) ([]string, error) {
	path := r.absolute(pattern)
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return []string{path}, nil
	}
	if !filepath.IsAbs(pattern) {
		// Nothing in the directory's own name is a pattern.
		path = filepath.Join(escapeGlob(r.s.dir), pattern)
	}
	matches, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("it is not a valid pattern: %w", err)
	}
	return slices.DeleteFunc(matches, func(m string) bool {
		info, err := os.Stat(m)
		return err != nil || !info.Mode().IsRegular()
	}), nil
}

func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
