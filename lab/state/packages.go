package state

import (
	"errors"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

// readPackages reads lines of kind of package, "name:arch", version and
// status, as dpkg abbreviates it. A package whose files are not there is none;
// one that is not wholly set up says so.
func readPackages(st *stock, data []byte) error {
	n := 0
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 4 || len(f[3]) < 2 {
			continue
		}
		name, version := f[1], f[2]
		if f[0] == "rpm" {
			name = strings.TrimSuffix(name, ":(none)") // keys
		}
		n++
		switch f[3][1] {
		case 'n', 'c': // not there, only its settings left
			continue
		case 'H':
			version += " (half-installed)"
		case 'U':
			version += " (unpacked)"
		case 'F':
			version += " (half-configured)"
		case 'W', 't':
			version += " (triggers not done)"
		}
		st.add(lab.StatePackage, name, version)
	}
	if n == 0 {
		return errors.New("the package manager names none")
	}
	return nil
}
