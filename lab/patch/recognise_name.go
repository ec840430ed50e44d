package patch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// managers are the package managers that a patch can name packages of.
var managers = map[string]lab.PatchKind{
	"apt": lab.PatchApt, "dnf": lab.PatchDNF, "zypper": lab.PatchZypper,
}

// packageForm is "name" or "name=version"; the name may say an architecture.
var packageForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]*(:[a-z0-9-]+)?(=[A-Za-z0-9][A-Za-z0-9+.:~^_-]*)?$`)

// FromName makes a patch of text such as "apt:openssl,libssl3=3.0.17-1":
// packages by name, from the bundle that patchlab bundle made for exactly
// this text in the lab's folder. It returns false for a text of another form.
// Targets are as for FromPath.
//
// Without needBundle it is for making the bundle, which may be missing; for dnf
// and zypper none is made. What cannot be used gives a *lab.UsageError.
func FromName(text string, l *lab.Lab, targets []*lab.Machine, needBundle bool) (*lab.Patch, bool, error) {
	manager, list, ok := strings.Cut(text, ":")
	kind := managers[manager]
	if !ok || kind == "" {
		return nil, false, nil
	}
	p := arrived(text)
	p.Kind, p.Packages = kind, strings.Split(list, ",")
	for _, name := range p.Packages {
		if !packageForm.MatchString(name) {
			return nil, true, usage(text, fmt.Errorf("%q is no package", name), fmt.Sprintf("write %s:NAME or %s:NAME=VERSION,NAME", manager, manager))
		}
	}
	p.Bundle = filepath.Join(l.Dir, "bundles", bundleName(manager, p.Packages))
	switch {
	case needBundle:
		if err := findBundle(p, manager, l); err != nil {
			return nil, true, err
		}
	case kind != lab.PatchApt:
		return nil, true, noRepository(p)
	}
	if err := aim(p, l, targets); err != nil {
		return nil, true, usage(text, err, "")
	}
	return p, true, nil
}

// findBundle looks for p's bundle, where it should be.
func findBundle(p *lab.Patch, manager string, l *lab.Lab) error {
	info, err := os.Stat(p.Bundle)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && p.Kind != lab.PatchApt:
		return noRepository(p)
	case missing:
		return usage(p.Name, fmt.Errorf("there is no bundle of its packages at %s", p.Bundle),
			fmt.Sprintf("patchlab bundle %s %s:%s", l.Dir, manager, strings.Join(p.Packages, ",")))
	case err != nil:
		return usage(p.Name, err, "")
	case !info.IsDir():
		return usage(p.Name, fmt.Errorf("%s is no folder", p.Bundle), "")
	}
	return nil
}

// bundleName is the name of the folder of a bundle of packages: readable,
// safe, and no longer than file systems allow.
func bundleName(manager string, packages []string) string {
	const longest = 100
	list := strings.Join(packages, ",")
	name := manager + "-" + strings.ReplaceAll(unsafeName.ReplaceAllString(strings.ReplaceAll(list, ",", "-"), "_"), "..", "_")
	if len(name) <= longest {
		return name
	}
	sum := sha256.Sum256([]byte(list))
	return name[:longest] + "-" + hex.EncodeToString(sum[:4])
}
