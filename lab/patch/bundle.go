package patch

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// bundleVersion is the version of the bundle's format.
const bundleVersion = 1

const (
	indexName  = "bundle.json"
	indexLimit = 16 << 20 // bytes
	bundleHint = "make it again with `patchlab bundle`"
)

// Bundle is a folder of packages for the machines of a lab, fetched once so
// that nothing has to be fetched while a patch is tested: bundle.json, which
// is this type, and the packages beside it.
type Bundle struct {
	Version  int                      `json:"version"`
	Lab      string                   `json:"lab"`
	Patch    string                   `json:"patch"`
	Created  time.Time                `json:"created"`
	Manager  string                   `json:"manager"`            // "apt", "dnf" or "zypper"
	Packages []string                 `json:"packages,omitempty"` // what the patch names: "name" or "name=version"
	Machines map[string]BundleMachine `json:"machines"`
	Files    []BundleFile             `json:"files"` // sorted by name

	Dir string `json:"-"` // absolute path of the folder
}

// BundleMachine says which files of a bundle are for one machine.
type BundleMachine struct {
	Install  []string `json:"install"`  // names of files, installed together; empty: all is there already
	Previous []string `json:"previous"` // names of the files by which it gets back to what it had
	// Missing are packages that the machine had, "name version", of which no
	// file could be had any more: without them there is no way back.
	Missing []string `json:"missing,omitempty"`
}

// BundleFile is one package of a bundle.
type BundleFile struct {
	Name           string `json:"name"` // of the file, without a folder
	SHA256         string `json:"sha256"`
	Size           int64  `json:"size"` // bytes
	Package        string `json:"package"`
	PackageVersion string `json:"package_version"`
	Arch           string `json:"arch"`
}

// LoadBundle reads the bundle in folder dir and compares all its files with
// their hashes. What does not fit gives a *lab.UsageError.
func LoadBundle(dir string) (*Bundle, error) {
	b, err := readBundle(dir)
	if err == nil {
		err = b.verify()
	}
	if err != nil {
		return nil, &lab.UsageError{Err: fmt.Errorf("cannot use the bundle %s: %w", dir, err), Hint: bundleHint}
	}
	return b, nil
}

// readBundle reads the index and checks that it is sound in itself.
func readBundle(dir string) (*Bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, indexName))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, indexLimit))
	if err != nil {
		return nil, err
	}
	b := &Bundle{Dir: dir}
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", indexName, err)
	}
	if b.Version != bundleVersion {
		return nil, fmt.Errorf("it is of format %d, this version knows format %d", b.Version, bundleVersion)
	}
	return b, b.sound()
}

// sound checks that names stay inside the folder and mean something.
func (b *Bundle) sound() error {
	known := map[string]bool{}
	for _, f := range b.Files {
		if f.Name != filepath.Base(f.Name) || !filepath.IsLocal(f.Name) || f.Name == indexName {
			return fmt.Errorf("it names a file outside of its folder: %q", lab.Printable(f.Name, 100))
		}
		if known[f.Name] {
			return fmt.Errorf("it lists %q twice", lab.Printable(f.Name, 100))
		}
		known[f.Name] = true
	}
	for machine, m := range b.Machines {
		for _, name := range slices.Concat(m.Install, m.Previous) {
			if !known[name] {
				return fmt.Errorf("machine %q needs %q, which it does not list", machine, lab.Printable(name, 100))
			}
		}
	}
	return nil
}

// verify compares the files with their hashes.
func (b *Bundle) verify() error {
	for _, f := range b.Files {
		path := filepath.Join(b.Dir, f.Name)
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no ordinary file", f.Name)
		}
		rec, err := hashFile(path, f.Name)
		if err != nil {
			return err
		}
		if rec.SHA256 != f.SHA256 || rec.Size != f.Size {
			return fmt.Errorf("%s is not the file that was bundled: its SHA-256 is %s, want %s", f.Name, rec.SHA256, f.SHA256)
		}
	}
	return nil
}

// Paths are the absolute paths of some of the bundle's files.
func (b *Bundle) Paths(names []string) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = filepath.Join(b.Dir, n)
	}
	return list
}

// beside are the paths of the packages to be installed on a machine beside
// the .deb files of a patch: one that the patch has itself comes from there.
func (b *Bundle) beside(files []string, machine string) []string {
	own := map[string]bool{}
	for _, f := range files {
		if info, err := ReadDebInfo(f); err == nil { // what cannot be read the machine's dpkg judges
			own[info.Name] = true
		}
	}
	var names []string
	for _, f := range b.Files {
		if slices.Contains(b.Machines[machine].Install, f.Name) && !own[f.Package] {
			names = append(names, f.Name)
		}
	}
	return b.Paths(names)
}

// PreviousOf finds the file by which a machine gets a package back in a
// version that it had. An empty arch matches any.
func (b *Bundle) PreviousOf(machine, name, version, arch string) (path string, ok bool) {
	for _, f := range b.Files {
		if f.Package == name && f.PackageVersion == version && (arch == "" || f.Arch == arch) &&
			slices.Contains(b.Machines[machine].Previous, f.Name) {
			return filepath.Join(b.Dir, f.Name), true
		}
	}
	return "", false
}
