package snapshots

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// ReadyPoint is the name of the point that every instance starts from: the
// lab's ready state.
const ReadyPoint = "ready"

const (
	pointFile   = "point.json"
	currentFile = "current.json" // in the generation that it is about
	pointsLock  = "points.lock"  // held while a snapshot is taken, reverted to or removed
)

// Point is a snapshot of an instance as `patchlab snapshots` shows it.
type Point struct {
	Name    string    `json:"name"`
	Parent  string    `json:"parent,omitempty"` // what the instance was last reverted to or saved as before
	Created time.Time `json:"created"`
	Bytes   int64     `json:"bytes"`   // that its own files occupy
	Current bool      `json:"current"` // the instance was last reverted to it or saved as it
}

// point is a snapshot on disk: files of all machines at one instant.
type point struct {
	Name     string         `json:"name"`
	Parent   string         `json:"parent"`
	Base     string         `json:"base"` // the point whose disks its own stand on
	Created  time.Time      `json:"created"`
	Machines []readyMachine `json:"machines"` // read-only disks with their folder: they are the ready state's
	Layers   []layer        `json:"layers"`
	// Markers are what machines held that did not answer when they were saved:
	// see current.
	Markers map[string]string `json:"markers,omitempty"`
	// Removed: only the disks are left, because others stand on them.
	Removed bool `json:"removed,omitempty"`

	dir string
}

// current is where an instance stands in the tree of its points. Its machines
// hold markers of later than any point, by which a revert is proven.
type current struct {
	Point   string            `json:"point"`
	Base    string            `json:"base"`
	Nonces  map[string]string `json:"nonces"`  // by machine
	Markers map[string]string `json:"markers"` // the same
}

// validPoint are names that are folders, too.
var validPoint = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func checkPointName(name string) error {
	if validPoint.MatchString(name) && name != ReadyPoint && name != "rm" {
		return nil
	}
	return &lab.UsageError{
		Err:  fmt.Errorf("%q cannot be the name of a snapshot", name),
		Hint: "letters, digits, dots, dashes and underscores, at most 64; not \"ready\" and not \"rm\"",
	}
}

// generationDir is the folder of the files that an instance's machines write
// to since they were forked for the n-th time.
func generationDir(dir string, n int) string { return filepath.Join(dir, "g"+strconv.Itoa(n)) }

func pointsDir(dir string) string { return filepath.Join(dir, "points") }

func (p *point) source() *source { return &source{dir: p.dir, machines: p.Machines, own: true} }

// live is an instance that is up, in the hands of the one process that may
// change its points.
type live struct {
	*instance
	ready   *readyState
	points  []*point // the oldest first
	current current
}

// live finds the instance that is up under ref and locks its points. What a
// killed process has left of an unfinished snapshot or revert is removed.
func (e *Engine) live(ctx context.Context, ref string) (_ *live, unlock func(), err error) {
	l, unlock, err := e.lockLive(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	if _, err := e.Store.tidy(l, false); err != nil {
		unlock()
		return nil, nil, err
	}
	return l, unlock, nil
}

// lockLive finds the instance that is up under ref and locks its points.
func (e *Engine) lockLive(ctx context.Context, ref string) (_ *live, unlock func(), err error) {
	r, err := e.Store.Running(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	lock := flock.New(filepath.Join(r.Spec.Dir, pointsLock), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, nil, &lab.HostError{Op: "lock the instance's snapshots", Err: err}
	}
	if !ok {
		return nil, nil, &lab.BusyError{What: fmt.Sprintf("instance %s of lab %q", r.Spec.ID, r.Spec.Lab), Holder: "another snapshot or revert"}
	}
	// Read anew, under the lock: a revert changes it.
	l, err := e.look(ctx, r.Spec.ID)
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return l, func() { _ = lock.Close() }, nil
}

// look reads what the instance that is up under ref has been saved as.
func (e *Engine) look(ctx context.Context, ref string) (*live, error) {
	r, err := e.Store.Running(ctx, ref)
	if err != nil {
		return nil, err
	}
	l := &live{instance: r.instance(e)}
	return l, l.load(e.Store)
}

// load reads what the instance has been saved as so far.
func (l *live) load(s *Store) error {
	f := l.files
	var err error
	l.ready, err = loadReady(filepath.Join(s.readyDir(f.Spec.Lab), f.Ready))
	if err != nil {
		return &lab.HostError{Op: "find the ready state of the instance", Err: err, Hint: "patchlab down " + f.Spec.ID + ", then patchlab up"}
	}
	l.from = l.ready
	if l.points, err = loadPoints(f.Spec.Dir); err != nil {
		return err
	}
	l.current = l.ready.standing("")
	b, err := os.ReadFile(currentPath(l.files.Spec))
	if err == nil {
		err = json.Unmarshal(b, &l.current)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot read where instance %s stands: %w", f.Spec.ID, err)
	}
	return nil
}

// standing is where a new fork stands, whose machines hold marker.
func (r *readyState) standing(marker string) current {
	c := current{Point: ReadyPoint, Base: ReadyPoint, Nonces: map[string]string{}, Markers: map[string]string{}}
	for _, m := range r.Machines {
		c.Nonces[m.Name] = m.Nonce
		if marker != "" {
			c.Markers[m.Name] = marker
		}
	}
	return c
}

// loadPoints reads all points of an instance, the oldest first.
func loadPoints(dir string) ([]*point, error) {
	files, err := filepath.Glob(filepath.Join(pointsDir(dir), "*", pointFile))
	if err != nil {
		return nil, err
	}
	var list []*point
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read snapshot: %w", err)
		}
		p := &point{dir: filepath.Dir(file)}
		if err := json.Unmarshal(b, p); err != nil {
			return nil, fmt.Errorf("cannot read snapshot %s: %w", file, err)
		}
		if p.Name == filepath.Base(p.dir) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *point) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return list, nil
}

// point returns the point of that name, or nil.
func (l *live) point(name string) *point {
	for _, p := range l.points {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// named returns the point that a user means.
func (l *live) named(name string) (*point, error) {
	p := l.point(name)
	if p == nil || p.Removed {
		return nil, &lab.UsageError{
			Err:  fmt.Errorf("lab %q has no snapshot %q", l.files.Spec.Lab, name),
			Hint: "patchlab snapshots " + l.files.Spec.Lab,
		}
	}
	return p, nil
}

// currentPath is where it is written down where an instance stands: beside the
// disks that its machines write to, so that both change in the same moment.
func currentPath(spec *agent.Spec) string {
	return filepath.Join(filepath.Dir(spec.Machines[0].Disks[0].Path), currentFile)
}

// stand writes down where the instance stands from now on.
func (l *live) stand(c current) error {
	l.current = c
	return writeJSON(currentPath(l.files.Spec), c)
}
