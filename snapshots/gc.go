package snapshots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// DefaultKeep is how long images and ready states are kept that no run has
// used.
const DefaultKeep = 14 * 24 * time.Hour

// keepAtLeast is for a run that is just between two forks.
const keepAtLeast = time.Hour

// GCOptions say what GC does.
type GCOptions struct {
	DryRun bool          // only tell
	Keep   time.Duration // retention of images and ready states; less than an hour is an hour
}

// GCReport is what GC removed, or would.
type GCReport struct {
	Items []GCItem `json:"items"`
	Bytes int64    `json:"bytes"` // that were freed
}

// GCItem is one thing that was removed, or would be.
type GCItem struct {
	Kind   string `json:"kind"` // "instance", "unfinished-image", "unfinished-ready-state", "unfinished-run", "snapshot", "ready-state", "image", "bisection" or "run"
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Bytes  int64  `json:"bytes"`
}

func (r *GCReport) add(kind, name, reason string, bytes int64) {
	r.Items = append(r.Items, GCItem{kind, name, reason, bytes})
	r.Bytes += bytes
}

// GC brings this host back to what is in use: it ends and removes what killed
// processes have left, and removes ready states and images that nobody has
// used for o.Keep. It goes on past errors, and may be called at any time.
func (e *Engine) GC(ctx context.Context, o GCOptions) (*GCReport, error) {
	rep := &GCReport{Items: []GCItem{}}
	var errs []error
	for _, step := range []func(context.Context, GCOptions, *GCReport) error{e.gcStale, e.gcRuns, e.gcLive, e.gcReady, e.gcImages, e.gcBisections} {
		errs = append(errs, step(ctx, o, rep))
	}
	return rep, errors.Join(errs...)
}

// expire removes what has not been used for DefaultKeep, and says so. It is
// part of every run, so that a host nobody looks after does not fill up; what
// cannot be removed now is for the next one.
func (e *Engine) expire(ctx context.Context) {
	rep := &GCReport{}
	o := GCOptions{Keep: DefaultKeep}
	_ = errors.Join(e.gcReady(ctx, o, rep), e.gcImages(ctx, o, rep))
	for _, i := range rep.Items {
		if e.Say != nil {
			e.Say(fmt.Sprintf("removed %s %s: %s", i.Kind, i.Name, i.Reason))
		}
	}
}

// gcStale removes what nobody answers for.
func (e *Engine) gcStale(ctx context.Context, o GCOptions, rep *GCReport) error {
	if !o.DryRun {
		e.awaitOrphans(ctx)
	}
	stale, err := e.Store.Stale(ctx)
	if err != nil {
		return err
	}
	if !o.DryRun {
		stale, err = e.Sweep(ctx)
	}
	for _, s := range stale {
		name := s.ID()
		if s.Spec != nil {
			name += " of lab " + s.Spec.Lab
		}
		rep.add(s.Kind(), name, "the process that made it is gone", s.Bytes)
	}
	return err
}

// gcRuns removes the records of runs that were killed.
func (e *Engine) gcRuns(_ context.Context, o GCOptions, rep *GCReport) error {
	return lab.SweepUnfinished(filepath.Join(e.Store.home, "runs"), func(dir string) error {
		rep.add("unfinished-run", strings.TrimPrefix(filepath.Base(dir), ".unfinished-")+" of lab "+filepath.Base(filepath.Dir(dir)),
			"the process that made it is gone", allocatedBytes(dir))
		if o.DryRun {
			return nil
		}
		return os.RemoveAll(dir)
	})
}

// gcLive removes unfinished and unneeded files of instances that are up.
func (e *Engine) gcLive(ctx context.Context, o GCOptions, rep *GCReport) error {
	up, err := e.Store.Up(ctx)
	if err != nil {
		return err
	}
	for _, r := range up {
		if !e.Store.alive(r.Spec.ID) {
			continue
		}
		found, err := e.tidyOne(ctx, r.Spec.ID, o.DryRun)
		if errors.As(err, new(*lab.BusyError)) || errors.As(err, new(*lab.UsageError)) {
			continue // somebody works on it, or has just taken it down
		}
		if err != nil {
			return err
		}
		for _, f := range found {
			rep.add("snapshot", filepath.Base(f.path)+" of instance "+r.Spec.ID, f.reason, f.bytes)
		}
	}
	return nil
}

func (e *Engine) tidyOne(ctx context.Context, id string, dry bool) ([]leftover, error) {
	l, unlock, err := e.lockLive(ctx, id)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return e.Store.tidy(l, dry)
}

// gcReady removes ready states that no instance uses and no run has used for
// long.
func (e *Engine) gcReady(ctx context.Context, o GCOptions, rep *GCReport) error {
	s := e.Store
	unlock, err := s.lock(ctx, useLock, nil, "")
	if err != nil {
		return err
	}
	defer unlock()
	all, err := s.readyStates()
	if err != nil {
		return err
	}
	instances, err := s.Instances(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		inUse := slices.ContainsFunc(instances, func(i *InstanceFiles) bool { return i.Ready == r.Key })
		idle := s.now().Sub(r.used())
		if inUse || idle < max(o.Keep, keepAtLeast) {
			continue
		}
		bytes := allocatedBytes(r.dir)
		if !o.DryRun {
			if err := s.drop(r.dir, "ready"); err != nil {
				return err
			}
		}
		rep.add("ready-state", fmt.Sprintf("%.12s of lab %s", r.Key, r.Lab), "not used for "+days(idle), bytes)
	}
	return s.gcUnreadable(all, o, rep)
}

// gcUnreadable removes folders that stand where ready states do and are none
// that this patchlab can use. The caller holds the lock of uses.
func (s *Store) gcUnreadable(readable []*readyState, o GCOptions, rep *GCReport) error {
	dirs, err := filepath.Glob(filepath.Join(s.labsDir(), "*", "ready", strings.Repeat("[0-9a-f]", 64)))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || slices.ContainsFunc(readable, func(r *readyState) bool { return r.dir == dir }) ||
			s.now().Sub(info.ModTime()) < max(o.Keep, keepAtLeast) {
			continue
		}
		bytes := allocatedBytes(dir)
		if !o.DryRun {
			if err := s.drop(dir, "ready"); err != nil {
				return err
			}
		}
		rep.add("ready-state", fmt.Sprintf("%.12s", filepath.Base(dir)), "it cannot be read", bytes)
	}
	return nil
}

// gcImages removes images that nothing stands on and no run has used for
// long.
func (e *Engine) gcImages(ctx context.Context, o GCOptions, rep *GCReport) error {
	s := e.Store
	unlock, err := s.lock(ctx, useLock, nil, "")
	if err != nil {
		return err
	}
	defer unlock()
	images, err := s.Images(ctx)
	if err != nil {
		return err
	}
	for _, img := range images {
		idle := s.now().Sub(s.imageUsed(img))
		if idle < max(o.Keep, keepAtLeast) || !onlyBy(img.Users, rep) {
			continue
		}
		bytes := allocatedBytes(filepath.Dir(img.Path))
		if !o.DryRun {
			if err := s.dropImage(img); err != nil {
				return err
			}
		}
		rep.add("image", fmt.Sprintf("%q (%.12s)", img.Name, img.SHA256), "not used for "+days(idle), bytes)
	}
	return nil
}

// BisectDir is where the trials of bisections are kept, absolute.
func (s *Store) BisectDir() string { return filepath.Join(s.home, "bisect") }

// gcBisections removes the trials of bisections that nobody went on with.
func (e *Engine) gcBisections(_ context.Context, o GCOptions, rep *GCReport) error {
	files, err := filepath.Glob(filepath.Join(e.Store.BisectDir(), "*.json"))
	if err != nil {
		return err
	}
	for _, f := range files {
		info, err := os.Lstat(f)
		lock := strings.TrimSuffix(f, ".json") + ".lock"
		if err != nil || isLocked(lock) {
			continue // it has just gone, or goes on
		}
		idle := e.Store.now().Sub(info.ModTime())
		if idle < max(o.Keep, keepAtLeast) {
			continue
		}
		if !o.DryRun {
			if err := errors.Join(os.Remove(f), os.RemoveAll(lock)); err != nil {
				return err
			}
		}
		rep.add("bisection", strings.TrimSuffix(filepath.Base(f), ".json"), "not used for "+days(idle), info.Size())
	}
	return nil
}

// onlyBy reports whether an image is used by nothing, or by what is removed
// just now.
func onlyBy(users []string, rep *GCReport) bool {
	for _, u := range users {
		if !slices.ContainsFunc(rep.Items, func(i GCItem) bool { return i.Kind == "ready-state" && "ready state "+i.Name == u }) {
			return false
		}
	}
	return true
}

// days writes a long time.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
