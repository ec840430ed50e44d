package snapshots

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// ReadyPlan tells whether a run of a lab finds a ready state.
type ReadyPlan struct {
	Key     string    `json:"key,omitempty"`
	State   string    `json:"state"` // "ready", "stale": one is there but does not fit, or "none"
	Created time.Time `json:"created,omitzero"`
	Changed []string  `json:"changed,omitempty"` // of a stale one: what is different now, in words
	Bytes   int64     `json:"bytes,omitempty"`   // that it occupies
}

// PlanReady tells whether the ready state of l is there, and if not, what has
// changed since the newest one was made. It makes nothing.
func (s *Store) PlanReady(ctx context.Context, l *lab.Lab, accel string) (ReadyPlan, error) {
	newest := s.newestReady(l.Name)
	images, missing, err := s.haveImages(ctx, l)
	if err != nil {
		return ReadyPlan{}, err
	}
	if len(missing) > 0 {
		if newest == nil {
			return ReadyPlan{State: "none"}, nil
		}
		return ReadyPlan{State: "stale", Created: newest.Created, Changed: missing, Bytes: allocatedBytes(newest.dir)}, nil
	}
	want, _, err := s.describeReady(ctx, l, images, accel)
	if err != nil {
		return ReadyPlan{}, err
	}
	plan := ReadyPlan{Key: want.Key, State: "none"}
	have, err := loadReady(filepath.Join(s.readyDir(l.Name), want.Key))
	switch {
	case err == nil:
		plan.State, plan.Created, plan.Bytes = "ready", have.Created, allocatedBytes(have.dir)
	case newest != nil:
		plan.State, plan.Created, plan.Bytes = "stale", newest.Created, allocatedBytes(newest.dir)
		plan.Changed = changedParts(newest.Parts, want.Parts)
	}
	return plan, nil
}

// newestReady is the ready state of a lab that was used last, or nil.
func (s *Store) newestReady(labName string) *readyState {
	all, err := s.readyStates()
	if err != nil {
		return nil
	}
	var newest *readyState
	for _, r := range all {
		if r.Lab == labName && (newest == nil || r.used().After(newest.used())) {
			newest = r
		}
	}
	return newest
}

// haveImages finds the images of l in the store, and says which are not there.
func (s *Store) haveImages(ctx context.Context, l *lab.Lab) (images map[*lab.Image]Image, missing []string, err error) {
	images = map[*lab.Image]Image{}
	for _, m := range l.Machines {
		if _, ok := images[m.Image]; ok {
			continue
		}
		var key string
		if m.Image.Build != nil {
			key = recipeKey(m.Image.Build)
		} else {
			sum, err := s.sourceSum(ctx, m.Image, lab.Quiet(nil))
			if err != nil {
				return nil, nil, err
			}
			key = "source-" + sum
		}
		img, ok, err := s.byRecipe(key)
		if err != nil {
			return nil, nil, errors.Join(err)
		}
		if !ok {
			missing = append(missing, "image "+m.Image.Name+" is new")
			continue
		}
		images[m.Image] = img
	}
	return images, missing, nil
}
