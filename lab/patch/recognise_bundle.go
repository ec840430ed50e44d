package patch

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/patchlab/patchlab/lab"
)

func isBundle(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, indexName))
	return err == nil
}

// recogniseBundle fills p in from a folder that patchlab bundle made. Without
// targets of its own, p is for those machines of l that the bundle was made
// for.
func recogniseBundle(p *lab.Patch, dir string, l *lab.Lab) error {
	b, err := readBundle(dir)
	if err != nil {
		return err
	}
	if managers[b.Manager] == "" {
		return fmt.Errorf("it is for the package manager %q, which no patch is for", lab.Printable(b.Manager, 40))
	}
	if len(b.Packages) == 0 {
		return fmt.Errorf("it was made for patch %q, which has files of its own: name that patch", lab.Printable(b.Patch, 80))
	}
	for _, name := range b.Packages {
		if !packageForm.MatchString(name) {
			return fmt.Errorf("it names %q, which is no package", lab.Printable(name, 80))
		}
	}
	if err := b.verify(); err != nil {
		return err
	}
	p.Kind, p.Packages, p.Bundle = managers[b.Manager], b.Packages, dir
	for _, m := range machinesWith(l, lab.Linux) {
		if _, known := b.Machines[m.Name]; known {
			p.Targets = append(p.Targets, m)
		}
	}
	if len(p.Targets) == 0 {
		return &NotForLabError{"it was made for no machine of this lab"}
	}
	return nil
}
