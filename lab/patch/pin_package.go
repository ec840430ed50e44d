package patch

import (
	"bytes"
	"io"
	"os"
	"path/filepath"

	"github.com/patchlab/patchlab/lab"
)

// describePackage adds what the .deb or .rpm file at path says of itself. It
// is known by its content; what cannot be read stays empty.
func describePackage(path string, rec *lab.FileRecord) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, len(arMagic))
	if _, err := io.ReadFull(f, head); err != nil {
		return
	}
	var name, version, arch string
	switch {
	case bytes.HasPrefix(head, []byte(rpmMagic)):
		if info, err := readRPMInfo(f, rec.Size); err == nil {
			name, version, arch = info.name, info.version, info.arch
		}
	case bytes.Equal(head, []byte(arMagic)):
		if info, err := ReadDebInfo(path); err == nil {
			name, version, arch = info.Name, info.Version, info.Arch
		}
	}
	const most = 200 // bytes of untrusted text
	rec.Package, rec.Version, rec.Arch = lab.Printable(name, most), lab.Printable(version, most), lab.Printable(arch, most)
}

// pinned is a file that a patch is known by.
type pinned struct {
	path   string
	beside bool // see lab.FileRecord
}

// pinnedBundle are the files of a bundle: its list, and its packages.
func pinnedBundle(kind lab.PatchKind, targets []*lab.Machine, b *Bundle) []pinned {
	installs := b.installs(kind, targets)
	files := []pinned{{filepath.Join(b.Dir, indexName), true}}
	for _, f := range b.Files {
		files = append(files, pinned{filepath.Join(b.Dir, f.Name), !installs(f.Name)})
	}
	return files
}

// installs tells which of the bundle's files a patch installs. What it would
// install on machines that are no targets today is among them: the same files
// are told the same way. The others are for the way back, as all are that a
// patch with .rpm files has: it brings what it installs itself. On a machine
// that the bundle was not made for, packages are chosen from all that are not
// for the way back.
func (b *Bundle) installs(kind lab.PatchKind, targets []*lab.Machine) func(name string) bool {
	install, previous := map[string]bool{}, map[string]bool{}
	for _, m := range b.Machines {
		for _, name := range m.Install {
			install[name] = true
		}
		for _, name := range m.Previous {
			previous[name] = true
		}
	}
	chosen := (kind == lab.PatchDNF || kind == lab.PatchZypper) && len(b.unknown(targets)) > 0
	return func(name string) bool {
		return kind != lab.PatchRPM && (install[name] || chosen && !previous[name])
	}
}
