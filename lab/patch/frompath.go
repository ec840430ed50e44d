package patch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	defaultTimeout = 30 * time.Minute
	pathHint       = "give a package (.deb, .rpm, .msu, .cab, .msi, .msp), a folder of packages of one kind, an .exe installer, " +
		"a script that begins with #!, a folder made by patchlab bundle, apt:NAME, or the name of a patch in the definition"
)

// FromPath makes a patch of a file or folder that just arrived, recognised by
// its content: one package, installer or script; a folder made by patchlab
// bundle; or a folder with packages of one kind (other files in it, and hidden
// ones, are left aside, but for scripts and programs, which it may not hold, nor
// patches in folders of its own, nor what Unfinished names). PowerShell and batch
// files, which nothing in their bytes tells, are recognised by their names where
// l has Windows machines. Without targets it is for all machines
// of l with the operating system that its kind is for, and packages of Linux
// go only to those that have one of them already. What cannot be used gives a
// *lab.UsageError.
func FromPath(path string, l *lab.Lab, targets []*lab.Machine) (*lab.Patch, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, usage(path, err, "")
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, usage(path, errors.Unwrap(err), pathHint)
	}
	p := arrived(filepath.Base(abs))
	windows := len(machinesWith(l, lab.Windows)) > 0
	switch {
	case !info.IsDir():
		err = recognise(p, abs, windows)
	case isBundle(abs):
		err = recogniseBundle(p, abs, l)
	default:
		err = recogniseFolder(p, abs, windows)
	}
	if err != nil {
		return nil, usage(path, err, pathHint)
	}
	if err := aim(p, l, targets); err != nil {
		return nil, usage(path, err, "")
	}
	return p, nil
}

// NotForLabError says that a patch is sound, and that a lab has no machine that
// it could be for.
type NotForLabError struct{ Reason string }

// Error is the reason.
func (e *NotForLabError) Error() string { return e.Reason }

// arrived is a patch that no definition describes.
func arrived(name string) *lab.Patch {
	return &lab.Patch{Name: name, Reboot: lab.RebootAuto, Timeout: defaultTimeout, VerifyReboot: true}
}

// aim gives p its targets: those that were asked for, else those that it has,
// else all machines that it can be for.
func aim(p *lab.Patch, l *lab.Lab, targets []*lab.Machine) error {
	if len(targets) > 0 {
		p.Targets = targets
		return nil
	}
	system := systemOf(p)
	if len(p.Targets) == 0 {
		p.Targets = machinesWith(l, system)
	}
	switch p.Kind {
	case lab.PatchDeb, lab.PatchRPM, lab.PatchApt, lab.PatchDNF, lab.PatchZypper:
		p.InstalledOnly = true
	}
	if len(p.Targets) == 0 {
		return &NotForLabError{fmt.Sprintf("lab %q has no %s machine to apply it on", l.Name, osName(system))}
	}
	return nil
}

// systemOf is the operating system that p is for.
func systemOf(p *lab.Patch) lab.OS {
	if os := kinds()[p.Kind].os; os != "" {
		return os
	}
	if p.Kind == lab.PatchScript && isWindowsScript(p.Script) {
		if shebang, err := hasShebang(p.Script); err == nil && !shebang {
			return lab.Windows
		}
	}
	return lab.Linux
}

func machinesWith(l *lab.Lab, system lab.OS) (list []*lab.Machine) {
	for _, m := range l.Machines {
		if osOf(m) == system {
			list = append(list, m)
		}
	}
	return list
}

func usage(path string, err error, hint string) error {
	return &lab.UsageError{Err: fmt.Errorf("cannot use %s as a patch: %w", path, err), Hint: hint}
}

// recognise fills p in from one file.
func recognise(p *lab.Patch, name string, windows bool) error {
	kind, err := recogniseFile(name)
	switch {
	case err != nil:
		return err
	case kind == "" && isWindowsScript(name) && !windows:
		return &NotForLabError{"it is a script for Windows, and the lab has no Windows machine"}
	case kind == "" && isWindowsScript(name):
		kind = lab.PatchScript
	case !namedForWindows(name, kind):
		return wrongName(kind)
	case kind == "":
		return errors.New("it is neither a package or installer of a known kind nor a script with an interpreter line")
	}
	p.Kind = kind
	if kind == lab.PatchScript {
		p.Script = name
	} else {
		p.Files = []string{name}
	}
	return nil
}

// namedForWindows reports whether a file has the extension by which Windows
// knows what to do with it. On Linux names mean nothing.
func namedForWindows(name string, k lab.PatchKind) bool {
	return kinds()[k].os != lab.Windows || packageNames[strings.ToLower(filepath.Ext(name))] == k
}

func wrongName(k lab.PatchKind) error {
	return fmt.Errorf("it is %s by its content, and Windows wants that in its name", article(k))
}
