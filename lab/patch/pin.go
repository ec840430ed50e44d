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
// parts. Names are relative to the innermost folder that holds them all. A
// file that cannot be read, or is no package where it should be one, gives a
// *lab.UsageError.
func Pin(p *lab.Patch) (lab.PatchRecord, error) {
	rec := lab.PatchRecord{Name: p.Name, Kind: p.Kind}
	files, err := pinnedFiles(p)
	if err != nil {
		return rec, &lab.UsageError{Err: err}
	}
	names, err := relativeTo(files, p.Name)
	if err != nil {
		return rec, &lab.UsageError{Err: err}
	}
	var lines []string
	for _, f := range files {
		r, err := hashFile(f, names[f])
		if err != nil {
			return rec, unusable(p, f, err)
		}
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
// kind does.
func pinnedFiles(p *lab.Patch) ([]string, error) {
	files := allFiles(p)
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
		files = append(files, filepath.Join(b.Dir, indexName))
		for _, f := range b.Files {
			files = append(files, filepath.Join(b.Dir, f.Name))
		}
	}
	for _, part := range p.Parts {
		more, err := pinnedFiles(part)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return once(files), nil
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
