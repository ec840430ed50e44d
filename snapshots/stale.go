package snapshots

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// Alive reports whether somebody answers for the instance in dir: its agent,
// or the process that is just making it.
func Alive(dir string) bool {
	// The maker's lock first: while it is held, an agent may be about to
	// take its own, which must not be touched then.
	return isLocked(filepath.Join(dir, makerLock)) || isLocked(filepath.Join(dir, agentLock))
}

func isLocked(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false // and do not make it
	}
	f := flock.New(path)
	ok, err := f.TryRLock()
	_ = f.Close()
	return err != nil || !ok
}

// StaleInstance is what a killed process has left of an instance.
type StaleInstance struct {
	Dir    string
	RunDir string      // its folder of sockets; may be missing
	Spec   *agent.Spec // nil when it was only half made: none of its machines ever ran
}

// ID is the instance's id.
func (s StaleInstance) ID() string { return strings.TrimPrefix(filepath.Base(s.Dir), newPrefix) }

// Is reports whether ref names the instance: its id, its lab's name or the
// lab's folder.
func (s StaleInstance) Is(ref string) bool {
	dir, err := filepath.Abs(ref)
	return ref == s.ID() || s.Spec != nil && s.Spec.Arm == string(lab.ArmUp) && (ref == s.Spec.Lab || err == nil && dir == s.Spec.LabDir)
}

// Stale lists instances that nobody answers for any more, half-made ones too.
// Their machines may still be running.
func (s *Store) Stale(ctx context.Context) ([]StaleInstance, error) {
	dirs, err := s.instanceDirs()
	if err != nil {
		return nil, err
	}
	var out []StaleInstance
	for _, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Fresh ones first: looking at a lock is a moment's hold of it.
		if s.fresh(dir) || Alive(dir) {
			continue
		}
		st := StaleInstance{Dir: dir}
		id := st.ID()
		st.RunDir = filepath.Join(s.runtime, id)
		if spec, err := agent.ReadSpec(filepath.Join(dir, specFile)); err == nil && spec.Dir == dir && spec.ID == id {
			st.Spec, st.RunDir = spec, spec.RunDir
		}
		out = append(out, st)
	}
	s.dropEmptyRunDirs()
	return out, nil
}

// dropEmptyRunDirs removes socket folders that were claimed by processes
// killed before anything else of their instance was made. Whatever is not
// empty stays: it may belong to another home.
func (s *Store) dropEmptyRunDirs() {
	entries, err := os.ReadDir(s.runtime)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && validID.MatchString(e.Name()) && s.now().Sub(info.ModTime()) > freshAge {
			_ = os.Remove(filepath.Join(s.runtime, e.Name())) // fails unless it is empty
		}
	}
}

// fresh reports whether dir is of the short time between the making of a
// folder and its lock, or is gone.
func (s *Store) fresh(dir string) bool {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return err == nil && strings.HasPrefix(filepath.Base(dir), newPrefix) && s.now().Sub(info.ModTime()) < freshAge
}
