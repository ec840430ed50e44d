package main

import (
	"os"
	"path/filepath"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/patch"
)

// selectPatches finds the patches that the arguments name.
func selectPatches(l *lab.Lab, names, targets []string) ([]*lab.Patch, error) {
	machines, err := findMachines(l, targets)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		if len(l.Patches) == 0 {
			return nil, usagef("patchlab test "+l.Dir+" FILE.deb", "lab %q defines no patch, and none was given", l.Name)
		}
		for _, p := range l.Patches {
			if err := patch.ValidateBundle(p); err != nil {
				return nil, err
			}
		}
		return l.Patches, nil
	}
	var out []*lab.Patch
	for _, name := range names {
		p, err := selectPatch(l, name, machines)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// selectPatch finds one patch: by its name in the definition, as packages by
// name ("apt:openssl"), else as a path. Its bundle is there, if it needs one.
func selectPatch(l *lab.Lab, name string, targets []*lab.Machine) (*lab.Patch, error) {
	p, err := findPatch(l, name, targets)
	if err != nil {
		return nil, err
	}
	return p, patch.ValidateBundle(p)
}

// findPatch is selectPatch without a look at the bundle.
func findPatch(l *lab.Lab, name string, targets []*lab.Machine) (*lab.Patch, error) {
	for _, p := range l.Patches {
		if p.Name != name {
			continue
		}
		if len(targets) == 0 {
			return p, nil
		}
		other := *p
		other.Targets = targets
		return &other, nil
	}
	if p, ok, err := patch.FromName(name, l, targets, true); ok || err != nil {
		return p, err
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, usagef(knownPatches(l), "lab %q has no patch %q, and there is no such file: %w", l.Name, name, err)
	}
	p, err := patch.FromPath(path, l, targets)
	if err == nil && p.Bundle == "" && p.Kind == lab.PatchDeb {
		// For the way back; patchlab bundle put it there.
		if dir := bundleFolder(l, p); isBundle(dir) {
			p.Bundle = dir
		}
	}
	return p, err
}

// isBundle reports whether a folder is one that patchlab bundle made.
func isBundle(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "bundle.json"))
	return err == nil
}

func knownPatches(l *lab.Lab) string {
	if len(l.Patches) == 0 {
		return "the definition has no patches: give the path of a .deb, of a folder of them, or of a script"
	}
	hint := "the definition has:"
	for _, p := range l.Patches {
		hint += " " + p.Name
	}
	return hint
}

// findMachines finds machines by name.
func findMachines(l *lab.Lab, names []string) ([]*lab.Machine, error) {
	var out []*lab.Machine
	for _, name := range names {
		m, err := findMachine(l, name)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func findMachine(l *lab.Lab, name string) (*lab.Machine, error) {
	hint := "its machines are:"
	for _, m := range l.Machines {
		if m.Name == name {
			return m, nil
		}
		hint += " " + m.Name
	}
	return nil, usagef(hint, "lab %q has no machine %q", l.Name, name)
}
