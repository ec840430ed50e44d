package snapshots

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/guest"
)

// reachLimit is how long a machine of an instance that is up is tried over
// SSH: one that does not answer can be saved and reverted all the same.
const reachLimit = 15 * time.Second

// Snapshot saves all machines of the instance that is up under ref, at one
// instant and with their memory, as name. They go on afterwards, and go on
// when it fails: then nothing is left of it.
func (e *Engine) Snapshot(ctx context.Context, ref, name string, p lab.Progress) (Point, error) {
	p = lab.Quiet(p)
	if err := checkPointName(name); err != nil {
		return Point{}, err
	}
	l, unlock, err := e.live(ctx, ref)
	if err != nil {
		return Point{}, err
	}
	defer unlock()
	if old := l.point(name); old != nil {
		err := &lab.UsageError{Err: fmt.Errorf("lab %q has a snapshot %q already", l.files.Spec.Lab, name), Hint: fmt.Sprintf("patchlab snapshot rm %s %s", ref, name)}
		if old.Removed {
			err.Hint = "another snapshot still stands on the disks of the removed one: choose another name"
		}
		return Point{}, err
	}
	if err := e.Store.checkDisk("take a snapshot", int(l.ownBytes()>>20)+1); err != nil {
		return Point{}, err
	}
	p.Step("marking the machines' memory")
	saved := l.plant(ctx)
	pt, err := e.Store.take(ctx, l, name, saved, p)
	marked := l.mark(ctx, saved) // also when it failed: the old markers are gone
	if err == nil {
		marked.Point = name
	}
	if err := errors.Join(err, l.stand(marked)); err != nil {
		return Point{}, err
	}
	return Point{Name: name, Parent: pt.Parent, Created: pt.Created, Bytes: allocatedBytes(pt.dir), Current: true}, nil
}

// ownBytes is what the files occupy that a snapshot has to copy.
func (l *live) ownBytes() int64 {
	var n int64
	for _, m := range l.files.Spec.Machines {
		for _, path := range ownFiles(&m) {
			n += allocatedBytes(path)
		}
	}
	return n
}

// ownFiles lists the files that a machine writes to.
func ownFiles(m *agent.MachineSpec) []string {
	var list []string
	for _, d := range m.Disks {
		if !d.ReadOnly {
			list = append(list, d.Path)
		}
	}
	if m.NVRAM != "" {
		list = append(list, m.NVRAM)
	}
	if m.RAM != nil && m.RAM.Shared {
		list = append(list, m.RAM.Path)
	}
	return list
}

// plant gives every machine that answers a new nonce, and takes its marker
// away. It returns where the instance stands then.
func (l *live) plant(ctx context.Context) current {
	c := current{Point: l.current.Point, Base: l.current.Base, Nonces: maps.Clone(l.current.Nonces), Markers: maps.Clone(l.current.Markers)}
	var mu sync.Mutex
	l.reach(ctx, func(ctx context.Context, name string, g sshGuest) error {
		nonce := newNonce()
		if err := g.Plant(ctx, nonce); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		c.Nonces[name] = nonce
		delete(c.Markers, name)
		return nil
	})
	return c
}

// mark leaves a marker of after c in every machine that answers.
func (l *live) mark(ctx context.Context, c current) current {
	c.Markers = maps.Clone(c.Markers)
	marker := newMarker()
	var mu sync.Mutex
	l.reach(ctx, func(ctx context.Context, name string, g sshGuest) error {
		if _, err := g.Wake(ctx, guest.Waking{Marker: marker}); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		c.Markers[name] = marker
		return nil
	})
	return c
}

// reach calls f for every machine that answers over SSH, side by side. Others
// are passed over.
func (l *live) reach(ctx context.Context, f func(context.Context, string, sshGuest) error) {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	var wg sync.WaitGroup
	for _, m := range l.files.Spec.Machines {
		wg.Go(func() {
			gst := l.guest(&lab.Machine{Name: m.Name, Image: &lab.Image{OS: lab.OS(m.OS)}})
			defer func() { _ = gst.Close() }()
			if gst.Connect(ctx, reachLimit) == nil {
				_ = f(ctx, m.Name, gst) // it has noted what it did
			}
		})
	}
	wg.Wait()
}

// take saves the machines and copies their files into a new point.
func (s *Store) take(ctx context.Context, l *live, name string, saved current, p lab.Progress) (_ *point, err error) {
	dir := l.files.Spec.Dir
	final := filepath.Join(pointsDir(dir), name)
	part := filepath.Join(pointsDir(dir), partPrefix+name)
	j := s.journalOf(l.ID())
	for _, path := range []string{part, final} {
		if err := j.intend(intent{Step: "snapshot", Path: path}); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(s.own.mkdir(pointsDir(dir)), s.own.mkdir(part)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(part))
		}
	}()
	pt := &point{Name: name, Parent: l.current.Point, Base: l.current.Base, Created: s.now().UTC(), Markers: saved.Markers, dir: part}
	fs := freezing(l.files.Spec, part)
	for i := range l.files.Spec.Machines {
		m := &l.files.Spec.Machines[i]
		for _, path := range ownFiles(m) {
			fs[i].Copies = append(fs[i].Copies, agent.Copy{From: path, To: filepath.Join(part, filepath.Base(path))})
		}
		pt.Machines = append(pt.Machines, l.describe(m, saved.Nonces[m.Name]))
	}
	if err := j.intend(intent{Step: "save"}); err != nil {
		return nil, err
	}
	if err := pause(ctx); err != nil {
		return nil, err
	}
	p.Step("saving all machines at one instant")
	if err := l.client.Freeze(ctx, fs, true); err != nil {
		return nil, &lab.HostError{Op: "save the machines", Err: err}
	}
	if err := s.sealPoint(ctx, pt, final, p); err != nil {
		return nil, err
	}
	if err := j.intend(intent{Step: "keep"}); err != nil {
		return nil, err
	}
	if err := os.Rename(part, final); err != nil {
		return nil, fmt.Errorf("cannot keep snapshot: %w", err)
	}
	pt.dir = final
	return pt, nil
}

// describe tells how a machine is saved in a point.
func (l *live) describe(m *agent.MachineSpec, nonce string) readyMachine {
	r := *l.ready.machine(m.Name)
	r.Nonce, r.State, r.Disks = nonce, m.Name+stateSuffix, nil
	for _, d := range m.Disks {
		if !d.ReadOnly {
			d.Path = filepath.Base(d.Path)
		}
		r.Disks = append(r.Disks, d)
	}
	return r
}

// sealPoint protects and measures a point's files, and describes it.
func (s *Store) sealPoint(ctx context.Context, pt *point, final string, p lab.Progress) error {
	r := &readyState{Machines: pt.Machines, dir: pt.dir}
	for i := range r.Machines {
		if err := s.protect(ctx, r, &r.Machines[i], final); err != nil {
			return err
		}
	}
	if err := ticking(p, "naming the layers by their content", func() error { return r.measureLayers(ctx) }); err != nil {
		return err
	}
	pt.Layers = r.Layers
	return writeJSON(filepath.Join(pt.dir, pointFile), pt)
}
