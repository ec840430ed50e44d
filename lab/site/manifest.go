package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
)

const (
	manifestName    = ".patchlab-site.json"
	manifestVersion = 1
)

// manifest says which files of a folder are the site. It is written before
// the first of them and after the last: so nothing of a Write that was cut off
// is left unknown.
type manifest struct {
	Version int `json:"version"`
	// Writing says that a Write is at it, or was cut off.
	Writing bool               `json:"writing"`
	Files   map[string]written `json:"files"` // by path below the folder, with slashes
}

// written is one file of the site.
type written struct {
	Input string `json:"input"` // hash of what it was made of; empty: to be written again
	Size  int64  `json:"size"`  // bytes
}

// readManifest reads the manifest of the folder. There is none: an empty one.
func readManifest(d *folder) (*manifest, error) {
	m := &manifest{Version: manifestVersion, Files: map[string]written{}}
	text, err := d.root.ReadFile(manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, d.fault(err)
	}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, &lab.UsageError{
			Err:  fmt.Errorf("cannot tell what of folder %q is the site: %s: %w", d.path, manifestName, err),
			Hint: "name another folder, or remove this one if nothing else is in it",
		}
	}
	if m.Version != manifestVersion {
		return nil, &lab.UsageError{Err: fmt.Errorf(
			"the site in folder %q was written by a newer patchlab (%s has version %d)", d.path, manifestName, m.Version)}
	}
	for path := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(path)) {
			return nil, &lab.UsageError{Err: fmt.Errorf("%s of folder %q names the path %q, which is not in it", manifestName, d.path, path)}
		}
	}
	return m, nil
}

// write replaces the manifest of the folder.
func (m *manifest) write(d *folder) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return d.fault(err)
	}
	if err := renameio.WriteFile(filepath.Join(d.path, manifestName), append(text, '\n'), filePerm, renameio.WithExistingPermissions()); err != nil {
		return d.fault(err)
	}
	return nil
}

// begun is the manifest while items are written over what m says: all paths
// of both, and of those whose contents will be other no input.
func (m *manifest) begun(items []item) *manifest {
	out := &manifest{Version: manifestVersion, Writing: true, Files: map[string]written{}}
	for path, w := range m.Files {
		out.Files[path] = w
	}
	for _, it := range items {
		if old, there := out.Files[it.path]; !there || it.input == "" || old.Input != it.input {
			out.Files[it.path] = written{}
		}
	}
	return out
}
