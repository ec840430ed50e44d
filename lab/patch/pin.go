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

// Pin hashes the files of p, the script included, as lab.PatchRecord says.
// Names are relative to the innermost folder that holds them all. A file that
// cannot be read, or is no package where it should be one, gives a
// *lab.UsageError.
func Pin(p *lab.Patch) (lab.PatchRecord, error) {
	rec := lab.PatchRecord{Name: p.Name, Kind: p.Kind}
	names, err := relativeNames(p)
	if err != nil {
		return rec, &lab.UsageError{Err: err}
	}
	var lines []string
	for _, f := range allFiles(p) {
		r, err := pinFile(f, names[f], p.Kind)
		if err != nil {
			return rec, &lab.UsageError{Err: fmt.Errorf("cannot use %s of patch %q: %w", f, p.Name, err)}
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

func pinFile(path, name string, kind lab.PatchKind) (lab.FileRecord, error) {
	if kind == lab.PatchDeb {
		if err := checkDebFile(path); err != nil {
			return lab.FileRecord{}, err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return lab.FileRecord{}, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return lab.FileRecord{Name: name, SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}, err
}

// allFiles are the files of p, the script first, each once.
func allFiles(p *lab.Patch) []string {
	var files []string
	if p.Script != "" {
		files = append(files, p.Script)
	}
	for _, f := range p.Files {
		if !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	return files
}

// relativeNames gives each file its path, with slashes, below the innermost
// folder that holds them all.
func relativeNames(p *lab.Patch) (map[string]string, error) {
	files := allFiles(p)
	if len(files) == 0 {
		return nil, fmt.Errorf("patch %q has no files", p.Name)
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
			return nil, fmt.Errorf("file %q of patch %q has a line end in its name", rel, p.Name)
		}
		names[f] = filepath.ToSlash(rel)
	}
	return names, nil
}
