package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/night"
	"github.com/patchlab/patchlab/lab/patch"
	"github.com/patchlab/patchlab/snapshots"
)

// incoming is the folder of a lab for patches that just arrived.
const incoming = "incoming"

// nightWork is what there is to do, while it is gathered.
type nightWork struct {
	shared  []arrival // for all labs
	jobs    []night.Job
	secrets lab.Lab
	named   map[string]bool // patches that a lab knows
	used    map[string]bool // patches that are tested, or of which is told why not
	unknown bool            // there is a lab that cannot say which patches it has
}

// nightJobs finds what there is to test in and below dirs, and notes the labs.
// A lab whose definition is broken is a job that cannot be run. It returns what
// takes the labs' secrets out as well.
func (a *app) nightJobs(store *snapshots.Store, dirs []string, o nightOptions, labs *nightLabs) (jobs []night.Job, redact func(string) string, err error) {
	found, err := labDirs(dirs)
	if err != nil {
		return nil, nil, err
	}
	labs.roots = append(labs.roots, found...) // links lead elsewhere
	shared, err := arrivals(o.drops, true)
	if err != nil {
		return nil, nil, err
	}
	w := &nightWork{shared: shared, named: map[string]bool{}, used: map[string]bool{}}
	for _, dir := range found {
		l, err := a.load(dir)
		if err != nil {
			w.cannot(night.Job{LabDir: dir, Err: broken(dir, err)})
			continue
		}
		w.secrets.Secrets = append(w.secrets.Secrets, l.Secrets...)
		if other, known := labs.dirs[l.Name]; known {
			w.cannot(night.Job{LabDir: dir, Client: l.Client, Err: fmt.Errorf(
				"lab %q is defined in %s as well: a lab has a name of its own, or their runs cannot be told apart", l.Name, other)})
			continue
		}
		labs.dirs[l.Name] = dir
		need, err := store.InstanceMiB(l)
		if err != nil {
			return nil, nil, err
		}
		w.add(l, need, o)
	}
	if err := w.nowhere(labs, dirs, o.patches); err != nil {
		return nil, nil, err
	}
	return w.jobs, w.secrets.Redactor(), nil
}

// cannot notes that a lab cannot say which patches it has.
func (w *nightWork) cannot(j night.Job) {
	w.jobs = append(w.jobs, j)
	w.unknown = true
}

// add adds what is to be tested on l, which needs so much memory.
func (w *nightWork) add(l *lab.Lab, needMiB int, o nightOptions) {
	args, err := nightPatches(l, w.shared, o.patches)
	if err != nil { // of this lab alone
		w.jobs = append(w.jobs, night.Job{LabDir: l.Dir, Lab: l.Name, Client: l.Client, Patch: incoming, Err: err})
	}
	for _, arg := range args {
		w.named[arg.name] = true
		if job, ok := nightJob(l, arg, o.testOptions); ok {
			job.MemoryMiB = needMiB
			w.jobs = append(w.jobs, job)
			w.used[arg.name] = true
		}
	}
}

var (
	errNowhere = errors.New("it was tested nowhere: no lab has a machine that it could be for")
	errUnknown = errors.New("it was tested nowhere: there is no such file, and of the labs that can be looked at none has a patch of that name")
)

// nowhere adds a job that tells it for each patch that is asked for and tested
// on no lab. One that nobody can know of is an error.
func (w *nightWork) nowhere(labs *nightLabs, dirs, patches []string) error {
	if len(patches) == 0 {
		for _, s := range w.shared {
			w.tellNowhere(s.name, filepath.Dir(s.name), errNowhere)
		}
		return nil
	}
	for _, name := range patches {
		place := labs.roots[0]
		abs, err := filepath.Abs(name)
		_, statErr := os.Stat(name)
		switch {
		case err == nil && statErr == nil:
			w.tellNowhere(name, filepath.Dir(abs), errNowhere)
		case w.named[name] || strings.Contains(name, ":"):
			w.tellNowhere(name, place, errNowhere)
		case w.unknown:
			w.tellNowhere(name, place, errUnknown)
		default:
			return usagef("patchlab night --help", "no lab below %s has a patch %q, and there is no such file", strings.Join(dirs, ", "), name)
		}
	}
	return nil
}

// tellNowhere adds such a job, unless the patch is tested, or that is told
// already.
func (w *nightWork) tellNowhere(name, place string, why error) {
	if w.used[name] {
		return
	}
	w.used[name] = true
	w.jobs = append(w.jobs, night.Job{LabDir: place, Patch: filepath.Base(name), Err: why})
}

// arrival is a patch as patchlab test takes it.
type arrival struct {
	name   string // argument
	shared bool
}

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
			path := filepath.Join(abs, f.Name())
			if strings.HasPrefix(f.Name(), ".") || f.Name() == "lost+found" || isArriving(path) {
				continue
			}
			list = append(list, arrival{path, shared})
		}
	}
	return list, nil
}

// isArriving reports whether a file or folder is still being written. A folder
// in which nothing has moved for a day is told instead: what is whole in it
// would never be tested.
func isArriving(path string) bool {
	file, err := patch.Unfinished(path)
	if err != nil || file == "" || file == path {
		return file != ""
	}
	info, err := os.Stat(file)
	return err != nil || time.Since(info.ModTime()) < 24*time.Hour
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
	if _, err := os.Lstat(own); errors.Is(err, fs.ErrNotExist) {
		return append(list, shared...), nil
	}
	more, err := arrivals([]string{own}, false) // a link that leads nowhere is no folder without patches
	return slices.Concat(list, more, shared), err
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
		adapted := o.adapt(p)
		f, err = l.Fingerprint(adapted)
		job.Definition, job.Backout = f.SHA256, adapted.Backout != nil
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
