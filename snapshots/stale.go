package snapshots

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

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
		if Alive(dir) || s.fresh(dir) {
			continue
		}
		id := strings.TrimPrefix(filepath.Base(dir), newPrefix)
		st := StaleInstance{Dir: dir, RunDir: filepath.Join(s.runtime, id)}
		if spec, err := agent.ReadSpec(filepath.Join(dir, specFile)); err == nil && spec.Dir == dir && spec.ID == id {
			st.Spec, st.RunDir = spec, spec.RunDir
		}
		out = append(out, st)
	}
	return out, nil
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
