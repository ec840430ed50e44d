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
	pathHint       = "give a .deb file, a folder of .deb files, a script that begins with #!, or the name of a patch in the definition"
)

// FromPath makes a patch of a file or folder that just arrived, recognised by
// its content: one .deb, a folder with .deb files (other files in it are left
// aside, but for scripts, which it may not hold), or a script with an
// interpreter line. Without targets it is for all Linux machines of l, and
// packages go only to those that have one of them already. What cannot be
// used gives a *lab.UsageError.
func FromPath(path string, l *lab.Lab, targets []*lab.Machine) (*lab.Patch, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, usage(path, err, "")
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, usage(path, errors.Unwrap(err), pathHint)
	}
	p := &lab.Patch{Name: filepath.Base(abs), Targets: targets, Reboot: lab.RebootAuto, Timeout: defaultTimeout}
	if info.IsDir() {
		err = recogniseFolder(p, abs)
	} else {
		err = recognise(p, abs)
	}
	if err != nil {
		return nil, usage(path, err, pathHint)
	}
	if len(targets) == 0 {
		p.Targets = linuxMachines(l)
		p.InstalledOnly = p.Kind == lab.PatchDeb
	}
	if len(p.Targets) == 0 {
		return nil, usage(path, fmt.Errorf("lab %q has no Linux machine to apply it on", l.Name), "")
	}
	return p, nil
}

func usage(path string, err error, hint string) error {
	return &lab.UsageError{Err: fmt.Errorf("cannot use %s as a patch: %w", path, err), Hint: hint}
}

// recognise fills p in from one file.
func recognise(p *lab.Patch, name string) error {
	err := checkDebFile(name)
	if err == nil {
		p.Kind, p.Files = lab.PatchDeb, []string{name}
		return nil
	}
	if !errors.Is(err, errNotDeb) || isDebName(name) {
		return err
	}
	script, err := hasShebang(name)
	if err != nil {
		return err
	}
	if !script {
		return errors.New("it is neither a Debian package nor a script with an interpreter line")
	}
	p.Kind, p.Script = lab.PatchScript, name
	return nil
}

func isDebName(name string) bool { return strings.EqualFold(filepath.Ext(name), ".deb") }

// recogniseFolder fills p in from the packages of a folder, in the order of their names.
func recogniseFolder(p *lab.Patch, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			if isDebName(name) {
				return fmt.Errorf("%s is no file that can be read", e.Name())
			}
			continue
		}
		switch err := checkDebFile(name); {
		case err == nil:
			p.Files = append(p.Files, name)
		case !errors.Is(err, errNotDeb) || isDebName(name):
			return fmt.Errorf("%s: %w", e.Name(), err)
		default:
			if script, err := hasShebang(name); err != nil || script {
				return fmt.Errorf("it holds the script %s, and it is not clear whether to run it", e.Name())
			}
		}
	}
	if len(p.Files) == 0 {
		return errors.New("it holds no Debian package")
	}
	p.Kind = lab.PatchDeb
	return nil
}

func linuxMachines(l *lab.Lab) (list []*lab.Machine) {
	for _, m := range l.Machines {
		if m.Image.OS == lab.Linux {
			list = append(list, m)
		}
	}
	return list
}
