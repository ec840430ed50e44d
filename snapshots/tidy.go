package snapshots

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// leftover is something that is in nobody's use, and why.
type leftover struct {
	path   string
	reason string
	bytes  int64
}

// tidy removes what an instance that is up does not need any more: files of
// snapshots and reverts that were never finished or were gone back from, and
// of removed snapshots. It touches only what the instance's journal names.
// With dry it only tells. The caller holds the lock of the points.
func (s *Store) tidy(l *live, dry bool) ([]leftover, error) {
	id := l.ID()
	named, err := readJournal(s.journalPath(id))
	if err != nil {
		return nil, err
	}
	var found []leftover
	for _, i := range named {
		reason := l.unused(i)
		if reason == "" || slices.ContainsFunc(found, func(f leftover) bool { return f.path == i.Path }) {
			continue
		}
		if _, err := os.Lstat(i.Path); err == nil && s.mayRemove(id, i) == nil {
			found = append(found, leftover{i.Path, reason, allocatedBytes(i.Path)})
		}
	}
	if dry {
		return found, nil
	}
	var errs []error
	for _, f := range found {
		errs = append(errs, os.RemoveAll(f.path))
	}
	return found, errors.Join(append(errs, l.stripRemoved()...)...)
}

// unused says why what a step of the journal made is not needed any more;
// empty when it is.
func (l *live) unused(i intent) string {
	dir := l.files.Spec.Dir
	switch i.Step {
	case "snapshot":
		name := filepath.Base(i.Path)
		if filepath.Dir(i.Path) != pointsDir(dir) {
			return ""
		}
		if strings.HasPrefix(name, partPrefix) {
			return "an unfinished snapshot"
		}
		if p := l.point(name); p == nil || p.Removed && !l.stoodOn(name) {
			return "a removed snapshot"
		}
	case "generation":
		for _, m := range l.files.Spec.Machines {
			for _, d := range m.Disks {
				if filepath.Dir(d.Path) == i.Path {
					return ""
				}
			}
		}
		return "files of a state that was gone back from"
	}
	return ""
}

// stoodOn reports whether disks of the machines or of another point stand on
// those of a point.
func (l *live) stoodOn(name string) bool {
	return l.current.Base == name || slices.ContainsFunc(l.points, func(p *point) bool {
		return p.Base == name && (!p.Removed || l.stoodOn(p.Name))
	})
}

// stripRemoved takes from removed points all but their disks.
func (l *live) stripRemoved() []error {
	var errs []error
	for _, p := range l.points {
		if !p.Removed {
			continue
		}
		for _, m := range p.Machines {
			for _, name := range []string{m.RAM, m.State, m.NVRAM} {
				if name != "" {
					errs = append(errs, removeIfEmpty(filepath.Join(p.dir, name)))
				}
			}
		}
	}
	return errs
}
