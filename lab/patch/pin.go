package patch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// Pin hashes the files of p as lab.PatchRecord says: packages, script and
// what lies beside it, replacements, all of its bundle, and those of its
// parts. Names are relative to the innermost folder that holds them all. Of
// packages it is told what they say of themselves, as far as that can be read,
// and of a bundle's files which are no part of what is rolled out. A file that
// cannot be read, or is no package where it should be one, gives a
// *lab.UsageError.
func Pin(p *lab.Patch) (lab.PatchRecord, error) {
	rec := lab.PatchRecord{Name: p.Name, Kind: p.Kind}
	files, err := pinnedFiles(p, p.Targets)
	if err != nil {
		return rec, &lab.UsageError{Err: err}
	}
	names, err := relativeTo(paths(files), p.Name)
	if err != nil {
		return rec, &lab.UsageError{Err: err}
	}
	var lines []string
	for _, f := range files {
		r, err := hashFile(f.path, names[f.path])
		if err != nil {
			return rec, unusable(p, f.path, err)
		}
		describePackage(f.path, &r)
		r.Beside = f.beside
		rec.Files = append(rec.Files, r)
		lines = append(lines, r.SHA256+"  "+r.Name+"\n")
	}
	slices.SortFunc(rec.Files, func(a, b lab.FileRecord) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	rec.SHA256 = hex.EncodeToString(sum[:])
	return rec, nil
}

func unusable(p *lab.Patch, file string, err error) error {
	return &lab.UsageError{Err: fmt.Errorf("cannot use %s of patch %q: %w", file, p.Name, err)}
}

// pinnedFiles are all files that p is known by, each once, looked at as its
// kind does. Targets are those of p, or of the batch that it is part of.
func pinnedFiles(p *lab.Patch, targets []*lab.Machine) ([]pinned, error) {
	var files []pinned
	for _, f := range allFiles(p) {
		files = append(files, pinned{path: f})
	}
	if check := kinds()[p.Kind].check; check != nil {
		for _, f := range p.Files {
			if err := check(f); err != nil {
				return nil, unusable(p, f, err)
			}
		}
	}
	if p.Bundle != "" {
		b, err := readBundle(p.Bundle)
		if err != nil {
			return nil, fmt.Errorf("cannot use the bundle %s of patch %q: %w", p.Bundle, p.Name, err)
		}
		files = append(files, pinnedBundle(p.Kind, targets, b)...)
	}
	for _, part := range p.Parts {
		of := part.Targets
		if len(of) == 0 {
			of = targets
		}
		more, err := pinnedFiles(part, of)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return eachOnce(files), nil
}

// eachOnce keeps the first of equal files. One that is rolled out by any part
// is rolled out.
func eachOnce(files []pinned) (list []pinned) {
	at := map[string]int{}
	for _, f := range files {
		i, seen := at[f.path]
		if !seen {
			at[f.path] = len(list)
			list = append(list, f)
			continue
		}
		list[i].beside = list[i].beside && f.beside
	}
	return list
}

func paths(files []pinned) (list []string) {
	for _, f := range files {
		list = append(list, f.path)
	}
	return list
}

// hashFile describes the file at path under name.
func hashFile(path, name string) (lab.FileRecord, error) {
	f, err := os.Open(path)
	if err != nil {
		return lab.FileRecord{}, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return lab.FileRecord{Name: name, SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}, err
}

// allFiles are the files of p itself, the script first, each once.
func allFiles(p *lab.Patch) []string {
	var files []string
	if p.Script != "" {
		files = append(files, p.Script)
	}
	files = append(files, p.Files...)
	for _, r := range p.Replace {
		files = append(files, r.Source)
	}
	return once(files)
}

// once keeps the first of equal words.
func once(words []string) (list []string) {
	seen := map[string]bool{}
	for _, w := range words {
		if !seen[w] {
			list = append(list, w)
		}
		seen[w] = true
	}
	return list
}

// relativeNames gives each file of p itself its path, with slashes, below the
// innermost folder that holds them all.
func relativeNames(p *lab.Patch) (map[string]string, error) {
	return relativeTo(allFiles(p), p.Name)
}

func relativeTo(files []string, patch string) (map[string]string, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("patch %q has no files", patch)
	}
	folder := filepath.Dir(files[0])
	for _, f := range files[1:] {
		for !strings.HasPrefix(f, strings.TrimSuffix(folder, "/")+"/") {
			folder = filepath.Dir(folder)
		}
	}
	names := map[string]string{}
	for _, f := range files {
		rel, err := filepath.Rel(folder, f)
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(rel, "\n\x00") {
			return nil, fmt.Errorf("file %q of patch %q has a line end in its name", rel, patch)
		}
		names[f] = filepath.ToSlash(rel)
	}
	return names, nil
}
