package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
	"github.com/patchlab/patchlab/lab/patch"
	"github.com/patchlab/patchlab/snapshots"
)

// incoming is the folder of a lab for patches that just arrived.
const incoming = "incoming"

// nightJobs finds what there is to test. A lab whose definition is broken is a
// job that cannot be run. It returns what takes the labs' secrets out as well.
func (a *app) nightJobs(store *snapshots.Store, dirs []string, o nightOptions) (jobs []night.Job, redact func(string) string, err error) {
	labs, err := labDirs(dirs)
	if err != nil {
		return nil, nil, err
	}
	shared, err := arrivals(o.drops, true)
	if err != nil {
		return nil, nil, err
	}
	secrets := &lab.Lab{}
	named, used := map[string]bool{}, map[string]bool{}
	dirOf := map[string]string{} // of labs, by name
	for _, dir := range labs {
		l, err := a.load(dir)
		if err != nil {
			jobs = append(jobs, night.Job{LabDir: dir, Err: broken(dir, err)})
			continue
		}
		secrets.Secrets = append(secrets.Secrets, l.Secrets...)
		need, err := store.InstanceMiB(l)
		if err != nil {
			return nil, nil, err
		}
		if other, known := dirOf[l.Name]; known {
			jobs = append(jobs, night.Job{LabDir: dir, Client: l.Client, Err: fmt.Errorf(
				"lab %q is defined in %s as well: a lab has a name of its own, or their runs cannot be told apart", l.Name, other)})
			continue
		}
		dirOf[l.Name] = dir
		args, err := nightPatches(l, shared, o.patches)
		if err != nil { // of this lab alone
			jobs = append(jobs, night.Job{LabDir: dir, Lab: l.Name, Client: l.Client, Patch: incoming, Err: err})
		}
		for _, arg := range args {
			named[arg.name] = true
			if job, ok := nightJob(l, arg, o.testOptions); ok {
				job.MemoryMiB = need
				jobs = append(jobs, job)
				used[arg.name] = true
			}
		}
	}
	for _, arrived := range shared {
		if !used[arrived.name] && len(o.patches) == 0 {
			jobs = append(jobs, night.Job{LabDir: filepath.Dir(arrived.name), Patch: filepath.Base(arrived.name), Err: errors.New(
				"it was tested nowhere: no lab has a machine that it could be for")})
		}
	}
	for _, name := range o.patches {
		if !named[name] {
			return nil, nil, usagef("patchlab night --help", "no lab below %s has a patch %q, and there is no such file", strings.Join(dirs, ", "), name)
		}
	}
	return jobs, secrets.Redactor(), nil
}

// broken is why a definition cannot be used, on one line.
func broken(dir string, err error) error {
	cause := err.Error()
	if d, ok := errors.AsType[*hcl.Diagnostics](err); ok && d.HasErrors() {
		first := d.All()[0]
		cause = first.Summary + ": " + first.Detail
		if first.File != "" {
			cause = fmt.Sprintf("%s:%d: %s", filepath.Base(first.File), first.Line, cause)
		}
		if more := len(d.All()) - 1; more > 0 {
			cause += fmt.Sprintf(" (and %d more)", more)
		}
	}
	return fmt.Errorf("the definition is broken: %s; patchlab validate %s shows it whole", lab.Printable(cause, 300), dir)
}

// labBlock is what a lab's definition has, also one that is broken or has lost
// its lab block.
var labBlock = regexp.MustCompile(`(?m)^\s*(lab|machine)\b`)

// labDirs finds the labs in and below dirs, sorted, each once. A lab is a
// folder with *.hcl files of which one has a lab block, or a link to one; what
// is below it belongs to it. A folder that cannot be read is listed as well.
func labDirs(dirs []string) ([]string, error) {
	var list []string
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(abs); err != nil || !info.IsDir() {
			return nil, usagef("patchlab night DIR…", "%s is no folder that can be read", dir)
		}
		if abs, err = filepath.EvalSymlinks(abs); err != nil { // so that a lab has one name
			return nil, err
		}
		before := len(list)
		err = filepath.WalkDir(abs, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil && path == abs:
				return err
			case err != nil: // told when it is loaded, and no reason to leave out the others
				if d.Name() != "lost+found" && !errors.Is(err, fs.ErrNotExist) {
					list = append(list, path)
				}
				return nil
			case d.Type()&fs.ModeSymlink != 0:
				if to, err := filepath.EvalSymlinks(path); err == nil && isLab(to) {
					list = append(list, to)
				}
				return nil
			case !d.IsDir():
				return nil
			case path != abs && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case isLab(path):
				list = append(list, path)
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, usagef("", "cannot look for labs below %s: %w", dir, err)
		}
		if len(list) == before {
			return nil, usagef("patchlab validate DIR looks at one definition", "there is no lab definition in or below %s", dir)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// isLab reports whether a folder holds a lab. A definition that cannot be read
// is one: that is said when it is loaded.
func isLab(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		if !strings.HasSuffix(e.Name(), hcl.Extension) || strings.HasPrefix(e.Name(), ".") {
			return false
		}
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return err != nil
		}
		text, err := os.ReadFile(path)
		return err != nil || labBlock.Match(text)
	})
}

// arrival is a patch as patchlab test takes it.
type arrival struct {
	name   string // argument
	shared bool
}

// unfinished are the names of files that are still being written.
var unfinished = []string{".part", ".tmp", ".crdownload", ".filepart"}

// arrivals lists what lies in folders, sorted.
func arrivals(dirs []string, shared bool) (list []arrival, err error) {
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		files, err := os.ReadDir(abs)
		if err != nil {
			return nil, usagef("", "cannot look for patches in %s: %w", dir, err)
		}
		for _, f := range files {
			half := slices.ContainsFunc(unfinished, func(end string) bool { return strings.HasSuffix(f.Name(), end) })
			if !half && !strings.HasPrefix(f.Name(), ".") {
				list = append(list, arrival{filepath.Join(abs, f.Name()), shared})
			}
		}
	}
	return list, nil
}

// nightPatches is what is tested on l, also beside an error: that what arrived
// for it cannot be looked at.
func nightPatches(l *lab.Lab, shared []arrival, named []string) (list []arrival, err error) {
	if len(named) > 0 {
		for _, name := range named {
			_, statErr := os.Stat(name)
			inLab := slices.ContainsFunc(l.Patches, func(p *lab.Patch) bool { return p.Name == name })
			if inLab || statErr == nil || strings.Contains(name, ":") {
				list = append(list, arrival{name, !inLab})
			}
		}
		return list, nil
	}
	for _, p := range l.Patches {
		list = append(list, arrival{p.Name, false})
	}
	own := filepath.Join(l.Dir, incoming)
	if _, err := os.Stat(own); err == nil {
		more, err := arrivals([]string{own}, false)
		return slices.Concat(list, more, shared), err
	}
	return append(list, shared...), nil
}

// nightJob is one patch on l; false when it is not for l.
func nightJob(l *lab.Lab, arg arrival, o testOptions) (night.Job, bool) {
	job := night.Job{LabDir: l.Dir, Lab: l.Name, Client: l.Client, Arg: arg.name, Patch: filepath.Base(arg.name), Shared: arg.shared}
	if arg.shared && filepath.IsLocal(arg.name) { // a patch of the definition may have the name of a file here
		if _, err := os.Stat(arg.name); err == nil { // the command runs in this folder too
			job.Arg, _ = filepath.Abs(arg.name)
		}
	}
	p, err := selectPatch(l, arg.name, nil)
	if err != nil {
		_, elsewhere := errors.AsType[*patch.NotForLabError](err)
		job.Err = err
		return job, !elsewhere || !arg.shared
	}
	job.Patch, job.Targets, job.Impact = p.Name, len(p.Targets), highest(p.Targets)
	pin, err := patch.Pin(p)
	if err == nil {
		job.SHA256 = pin.SHA256
		var f lab.Fingerprint
		f, err = l.Fingerprint(o.adapt(p))
		job.Definition = f.SHA256
	}
	job.Err = err
	return job, true
}

// highest is the highest impact of machines.
func highest(machines []*lab.Machine) lab.Impact {
	order := []lab.Impact{lab.ImpactLow, lab.ImpactNormal, lab.ImpactHigh}
	top := lab.ImpactLow
	for _, m := range machines {
		if slices.Index(order, m.Impact) > slices.Index(order, top) {
			top = m.Impact
		}
	}
	return top
}
