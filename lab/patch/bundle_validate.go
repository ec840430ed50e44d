package patch

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// bundleManagers are the package managers whose bundles a kind takes.
var bundleManagers = map[lab.PatchKind]string{
	lab.PatchDeb: "apt", lab.PatchApt: "apt",
	lab.PatchRPM: "dnf", lab.PatchDNF: "dnf", lab.PatchZypper: "zypper",
}

// ValidateBundle looks, before anything is made, whether p's bundle and those
// of its parts are whole and of the right kind. A patch that names packages
// must have one, since a lab reaches no repository: of PatchApt made for all
// targets, while the other kinds choose from a bundle that does not know a
// machine. Everything that is wrong gives a *lab.UsageError.
func ValidateBundle(p *lab.Patch) error {
	for _, part := range p.Parts {
		if err := ValidateBundle(part); err != nil {
			return err
		}
	}
	if p.Bundle == "" {
		return withoutBundle(p)
	}
	b, err := LoadBundle(p.Bundle)
	if err != nil {
		return hinted(err, bundleCommand(p))
	}
	if want := bundleManagers[p.Kind]; b.Manager != want && (p.Kind != lab.PatchRPM || b.Manager != "zypper") {
		return &lab.UsageError{
			Err:  fmt.Errorf("cannot use the bundle %s for patch %q: its packages are for %q, want %q", p.Bundle, p.Name, b.Manager, want),
			Hint: bundleCommand(p),
		}
	}
	if unknown := b.unknown(p.Targets); p.Kind == lab.PatchApt && len(unknown) > 0 {
		return &lab.UsageError{
			Err:  fmt.Errorf("the bundle %s of patch %q was not made for %s", p.Bundle, p.Name, strings.Join(unknown, ", ")),
			Hint: bundleCommand(p),
		}
	}
	return nil
}

// withoutBundle is the error of a patch that cannot do without a bundle; nil
// for one that can.
func withoutBundle(p *lab.Patch) error {
	switch p.Kind {
	case lab.PatchApt:
		return &lab.UsageError{
			Err:  fmt.Errorf("patch %q names packages, and has no bundle of them", p.Name),
			Hint: bundleCommand(p),
		}
	case lab.PatchDNF, lab.PatchZypper:
		return noRepository(p)
	}
	return nil
}

// noRepository is the error of packages by name, of a kind that patchlab makes
// no bundles for.
func noRepository(p *lab.Patch) error {
	return &lab.UsageError{
		Err: fmt.Errorf("patch %q names packages and is of kind %q: a lab reaches no repository, and patchlab bundle fetches .deb packages alone", p.Name, p.Kind),
		Hint: "give the .rpm files themselves, or a folder of them: patchlab test DIR FOLDER, " +
			`or files = ["FOLDER/*.rpm"] in the definition`,
	}
}

// unknown are the machines that the bundle was not made for, sorted.
func (b *Bundle) unknown(machines []*lab.Machine) (names []string) {
	for _, m := range machines {
		if _, ok := b.Machines[m.Name]; !ok {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}

// bundleCommand is what to paste to get p's bundle; empty for a kind whose
// bundles patchlab does not make. The patch's place says which folder the lab
// is defined in.
func bundleCommand(p *lab.Patch) string {
	if bundleManagers[p.Kind] != "apt" {
		return ""
	}
	dir := "DIR"
	if p.Pos.File != "" {
		dir = filepath.Dir(p.Pos.File)
	}
	return "patchlab bundle " + guest.Quote(dir, p.Name)
}

func hinted(err error, hint string) error { return &lab.UsageError{Err: err, Hint: hint} }
