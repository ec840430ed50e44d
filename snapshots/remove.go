package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab/agent"
)

// RemoveInstance removes the folders of an instance whose machines have
// ended. Removing it again is no error. It goes on past errors.
func (s *Store) RemoveInstance(_ context.Context, spec *agent.Spec) error {
	return s.removeFolders(spec.Dir, spec.RunDir)
}

// RemoveStale removes what Stale found, once its machines have ended.
func (s *Store) RemoveStale(_ context.Context, st StaleInstance) error {
	return s.removeFolders(st.Dir, st.RunDir)
}

func (s *Store) removeFolders(dir, runDir string) error {
	id := strings.TrimPrefix(filepath.Base(dir), newPrefix)
	if err := s.ours(dir, id); err != nil {
		return err
	}
	s.mu.Lock()
	held := s.held[dir]
	delete(s.held, dir)
	s.mu.Unlock()
	if held != nil {
		defer func() { _ = held.Close() }()
	}
	var errs []error
	if filepath.Base(runDir) == id && filepath.IsAbs(runDir) {
		errs = append(errs, os.RemoveAll(runDir))
	} else {
		errs = append(errs, fmt.Errorf("cannot remove %s: it is not the folder of instance %s", runDir, id))
	}
	// What describes the instance goes last: until then it can be found.
	errs = append(errs, os.RemoveAll(dir))
	return errors.Join(errs...)
}

// ours makes sure that dir is the folder of an instance in this store, and
// reached without any link.
func (s *Store) ours(dir, id string) error {
	rel, err := filepath.Rel(s.labsDir(), dir)
	parts := strings.Split(rel, string(filepath.Separator))
	if err != nil || filepath.Clean(dir) != dir || len(parts) != 3 ||
		!validName.MatchString(parts[0]) || parts[1] != "instances" || !validID.MatchString(id) {
		return fmt.Errorf("cannot remove %s: it is not the folder of an instance", dir)
	}
	for _, d := range []string{filepath.Dir(filepath.Dir(dir)), filepath.Dir(dir), dir} {
		info, err := os.Lstat(d)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot look at folder: %w", err)
		}
		if !info.IsDir() {
			return fmt.Errorf("cannot remove %s: %s is not a folder", dir, d)
		}
	}
	return nil
}
