package patch

import (
	"path"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/guest"
)

// stageRoot is where patches wait on a Linux machine: on its disk, readable
// by root alone, removed afterwards.
const stageRoot = "/var/lib/patchlab-stage"

// staging is how patches wait on the machines of one operating system.
type staging struct {
	root   string                           // folder, as the machine's shell says it
	path   func(folder, name string) string // name with slashes, below folder
	remote func(path string) string         // path as Guest.Upload takes it
	make   func(stage string) string        // command that makes a stage which root (SYSTEM) alone may enter
	remove func(stage string) string        // command that removes it, and the root when it is empty
}

// stagingOn is how patches wait on m.
func stagingOn(m *lab.Machine) staging {
	if osOf(m) == lab.Windows {
		return windowsStaging()
	}
	return staging{
		root:   stageRoot,
		path:   func(folder, name string) string { return path.Join(folder, name) },
		remote: func(path string) string { return path },
		make:   func(stage string) string { return "umask 077 && mkdir -p -- " + guest.Quote(stage) },
		remove: func(stage string) string {
			return "rm -rf -- " + guest.Quote(stage) + " && { rmdir " + guest.Quote(stageRoot) + " 2>/dev/null; :; }"
		},
	}
}

// osOf is what m runs.
func osOf(m *lab.Machine) lab.OS {
	if m.Image != nil && m.Image.OS == lab.Windows {
		return lab.Windows
	}
	return lab.Linux
}
