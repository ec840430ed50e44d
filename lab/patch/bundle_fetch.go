package patch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// fetch downloads a package into the bundle, unless it is there already, and
// returns the name of its file; empty when no mirror has that version.
func (m *maker) fetch(ctx context.Context, a *hostApt, d wantedDeb) (string, error) {
	spec := d.name + ":" + d.arch + "=" + d.version
	if d.arch == "all" || d.arch == "" {
		spec = d.name + "=" + d.version
	}
	found, err := a.show(ctx, spec, d)
	if err != nil || len(found) == 0 {
		return "", err
	}
	name := cacheName(d.name, d.version, found[0].arch)
	if old, ok := m.files[name]; ok && old.SHA256 == found[0].sha256 {
		return name, nil
	}
	m.Progress.Step("fetching " + d.name + " " + d.version)
	if _, text, err := a.run(ctx, a.dir, "apt-get", "-q", "download", "--", spec); err != nil {
		return "", &lab.HostError{Op: "fetch " + spec, Err: why(err, text), Hint: "apt-get update"}
	}
	rec, err := hashFile(filepath.Join(a.dir, name), name)
	if err != nil {
		return "", &lab.HostError{Op: "fetch " + spec, Err: err}
	}
	if !slices.ContainsFunc(found, func(s stanza) bool { return s.sha256 == rec.SHA256 }) {
		return "", &lab.HostError{Op: "fetch " + spec, Err: fmt.Errorf("its SHA-256 is %s, the package lists say %s", rec.SHA256, found[0].sha256)}
	}
	if old, ok := m.files[name]; ok && old.SHA256 != rec.SHA256 { // of another distribution
		name = rec.SHA256[:8] + "_" + name
	}
	if err := moveFile(filepath.Join(a.dir, rec.Name), filepath.Join(m.store, name)); err != nil {
		return "", &lab.HostError{Op: "save " + name, Err: err}
	}
	m.files[name] = BundleFile{Name: name, SHA256: rec.SHA256, Size: rec.Size, Package: d.name, PackageVersion: d.version, Arch: found[0].arch}
	return name, nil
}

// stanza is what a package list says of one package.
type stanza struct {
	version, arch, sha256 string
}

// show returns what the package lists say of one version of a package;
// nothing when they do not have it.
func (a *hostApt) show(ctx context.Context, spec string, d wantedDeb) (found []stanza, err error) {
	text, _, err := a.run(ctx, "", "apt-cache", "show", "--", spec)
	if _, unknown := errors.AsType[*exec.ExitError](err); err != nil && !unknown {
		return nil, err
	}
	for _, s := range parseStanzas(text) {
		// That of the machine's own status has no hash.
		if s.version == d.version && s.sha256 != "" && (d.arch == "" || s.arch == d.arch) {
			found = append(found, s)
		}
	}
	return found, nil
}

func parseStanzas(text string) (list []stanza) {
	for part := range strings.SplitSeq(text, "\n\n") {
		var s stanza
		for line := range strings.Lines(part) {
			key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
			switch key {
			case "Version":
				s.version = value
			case "Architecture":
				s.arch = value
			case "SHA256":
				s.sha256 = value
			}
		}
		list = append(list, s)
	}
	return list
}

// moveFile moves a file, also to another file system.
func moveFile(from, to string) error {
	if err := os.Rename(from, to); err == nil {
		return nil
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		return err
	}
	return os.Remove(from)
}
