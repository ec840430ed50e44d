package snapshots

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/patchlab/patchlab/lab"
)

// Points lists the snapshots of the instance that is up under ref: parents
// before their children, the ready state first.
func (e *Engine) Points(ctx context.Context, ref string) ([]Point, error) {
	l, err := e.look(ctx, ref)
	if err != nil {
		return nil, err
	}
	children := map[string][]Point{}
	for _, p := range l.points {
		if p.Removed {
			continue
		}
		parent := l.visible(p.Parent)
		children[parent] = append(children[parent], Point{
			Name: p.Name, Parent: parent, Created: p.Created,
			Bytes: allocatedBytes(p.dir), Current: l.visible(l.current.Point) == p.Name,
		})
	}
	out := []Point{{
		Name: ReadyPoint, Created: l.ready.Created, Bytes: allocatedBytes(l.ready.dir),
		Current: l.visible(l.current.Point) == ReadyPoint,
	}}
	for i := 0; i < len(out); i++ {
		out = slices.Insert(out, i+1, children[out[i].Name]...)
	}
	return out, nil
}

// visible is the point itself or, when it was removed, the nearest ancestor
// that was not.
func (l *live) visible(name string) string {
	for range l.points {
		p := l.point(name)
		if p == nil {
			return ReadyPoint
		}
		if !p.Removed {
			return name
		}
		name = p.Parent
	}
	return ReadyPoint
}

// RemovePoint removes a snapshot. Its disks stay for as long as others stand
// on them.
func (e *Engine) RemovePoint(ctx context.Context, ref, name string) error {
	if name == ReadyPoint {
		return &lab.UsageError{Err: errors.New("the ready state is no snapshot of the instance alone"), Hint: "patchlab gc removes ready states that no lab uses"}
	}
	l, unlock, err := e.live(ctx, ref)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := l.named(name)
	if err != nil {
		return err
	}
	p.Removed = true
	if err := writeJSON(filepath.Join(p.dir, pointFile), p); err != nil {
		return err
	}
	_, err = e.Store.tidy(l, false)
	return err
}
