package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
)

// RemoveInstance removes the folders of an instance whose machines have
// ended, and its journal. Removing it again is no error. It goes on past
// errors.
func (s *Store) RemoveInstance(_ context.Context, spec *agent.Spec) error {
	return s.removeFolders(spec.Dir, spec.RunDir)
}

func (s *Store) removeFolders(dir, runDir string) error {
	id := filepath.Base(dir)
	if !validID.MatchString(id) {
		return fmt.Errorf("cannot remove %s: it is not the folder of an instance", dir)
	}
	return s.removeNamed(id, []intent{{Step: "folder", Path: dir}, {Step: "sockets", Path: runDir}})
}

// RemoveStale removes what Stale found, once its machines have ended.
func (s *Store) RemoveStale(ctx context.Context, st StaleInstance) error {
	for _, i := range st.intents {
		if i.Step == "tree" && s.mayRemove(st.id, i) == nil {
			if err := s.removeTree(ctx, i.Path); err != nil {
				return err
			}
		}
	}
	return s.removeNamed(st.id, st.intents)
}

// removeNamed removes what a journal names, the first last, and then the
// journal itself: until all is gone it can be found. It goes on past errors.
func (s *Store) removeNamed(id string, intents []intent) error {
	s.mu.Lock()
	j := s.held[id]
	delete(s.held, id)
	s.mu.Unlock()
	if j == nil {
		j = s.journalOf(id)
	}
	var errs []error
	if _, err := os.Stat(j.path); err == nil {
		_ = j.intend(intent{Step: "remove"}) // on a full disk it cannot be written, and makes room all the more
	}
	for _, i := range slices.Backward(intents) {
		if i.Path == "" {
			continue
		}
		err := s.mayRemove(id, i)
		if err == nil {
			err = removeAll(i.Path)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, j.release())
	}
	return j.end()
}

// removeAll removes a folder, also one that a process which is just ending
// still writes to.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	for range 20 {
		if !errors.Is(err, syscall.ENOTEMPTY) {
			break
		}
		time.Sleep(50 * time.Millisecond)
		err = os.RemoveAll(path)
	}
	return err
}

// mayRemove makes sure that i names one of the few places in which patchlab
// makes what the journal of that id names, and that it is reached without any
// link.
func (s *Store) mayRemove(id string, i intent) error {
	path := i.Path
	refuse := fmt.Errorf("cannot remove %s: it is not what instance %s may name", path, id)
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || !validID.MatchString(id) {
		return refuse
	}
	// Sockets and the tree of an unfinished image may lie anywhere, since
	// the environment says where; the id is their name.
	if base := filepath.Base(path); i.Step == "sockets" && base == id || i.Step == "tree" && base == treePrefix+id {
		return noLinks(path, filepath.Dir(path))
	}
	rel, err := filepath.Rel(s.home, path)
	if err != nil {
		return refuse
	}
	parts := strings.Split(rel, string(filepath.Separator))
	switch {
	case len(parts) == 2 && parts[0] == "images" && parts[1] == partPrefix+id:
	case len(parts) >= 4 && parts[0] == "labs" && validName.MatchString(parts[1]) && parts[2] == "instances" && parts[3] == id:
	case len(parts) == 4 && parts[0] == "labs" && validName.MatchString(parts[1]) && parts[2] == "ready" && parts[3] == partPrefix+id:
	default:
		return refuse
	}
	return noLinks(path, s.home)
}

// noLinks refuses a path below root that leads through a link, or is one.
func noLinks(path, root string) error {
	for d := path; d != root && d != filepath.Dir(d); d = filepath.Dir(d) {
		info, err := os.Lstat(d)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot look at folder: %w", err)
		}
		if !info.IsDir() {
			return fmt.Errorf("cannot remove %s: %s is not a folder", path, d)
		}
	}
	return nil
}
