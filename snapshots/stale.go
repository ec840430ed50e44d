package snapshots

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// alive reports whether somebody answers for what a journal names: the
// process that writes it, or the agent of the instance.
func (s *Store) alive(id string) bool {
	// The journal first: while it is held, an agent may be about to take its
	// own lock, which must not be touched then.
	if isLocked(s.journalPath(id)) {
		return true
	}
	list, err := readJournal(s.journalPath(id))
	if err != nil {
		return false
	}
	for _, i := range list {
		if i.Step == "folder" && isLocked(filepath.Join(i.Path, agentLock)) {
			return true
		}
	}
	return false
}

// orphanLimit is how long it is waited for agents to end.
const orphanLimit = 30 * time.Second

// awaitOrphans waits for the agents whose command was killed: they notice it,
// end their machines and then themselves, and only then their journals are
// nobody's.
func (e *Engine) awaitOrphans(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, orphanLimit)
	defer cancel()
	for e.Store.orphans() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// orphans reports whether an agent is alive that nobody wants any more.
func (s *Store) orphans() bool {
	ids, err := s.journals()
	return err == nil && slices.ContainsFunc(ids, func(id string) bool {
		if isLocked(s.journalPath(id)) || !s.alive(id) {
			return false
		}
		spec := s.specOf(id)
		return spec == nil || spec.Arm != string(lab.ArmUp)
	})
}

// specOf finds the spec of the instance that a journal names, nil when there is
// none (yet).
func (s *Store) specOf(id string) *agent.Spec {
	list, err := readJournal(s.journalPath(id))
	if err != nil {
		return nil
	}
	for _, i := range list {
		if i.Step != "folder" {
			continue
		}
		if spec, err := agent.ReadSpec(filepath.Join(i.Path, specFile)); err == nil && spec.Dir == i.Path && spec.ID == id {
			return spec
		}
	}
	return nil
}

// letGo lets the journal of an instance be: its agent answers for it now.
func (s *Store) letGo(id string) error {
	s.mu.Lock()
	j := s.held[id]
	delete(s.held, id)
	s.mu.Unlock()
	if j == nil {
		return nil
	}
	return j.release()
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

// StaleInstance is what a killed process has left: an instance, the files of
// one that was half made, an unfinished ready state or image.
type StaleInstance struct {
	id      string
	Spec    *agent.Spec // nil when it was only half made
	Bytes   int64       // that its files occupy
	intents []intent
}

// ID is the instance's id, and its journal's.
func (s StaleInstance) ID() string { return s.id }

// Kind says in a word what it is: "instance", "unfinished-ready-state" or
// "unfinished-image".
func (s StaleInstance) Kind() string {
	has := func(step string) bool {
		return slices.ContainsFunc(s.intents, func(i intent) bool { return i.Step == step })
	}
	switch {
	case has("image"):
		return "unfinished-image"
	case s.Spec != nil && s.Spec.Arm == string(lab.ArmReady):
		return "unfinished-ready-state"
	}
	return "instance"
}

// Is reports whether ref means the instance: its id or, for one that was up,
// the lab's name or folder.
func (s StaleInstance) Is(ref string) bool {
	dir, err := filepath.Abs(ref)
	return ref == s.id || s.Spec != nil && s.Spec.Arm == string(lab.ArmUp) && (ref == s.Spec.Lab || err == nil && dir == s.Spec.LabDir)
}

// Stale lists what nobody answers for any more, by the journals. Machines of
// it may still be running.
func (s *Store) Stale(ctx context.Context) ([]StaleInstance, error) {
	ids, err := s.journals()
	if err != nil {
		return nil, err
	}
	var out []StaleInstance
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.alive(id) {
			continue
		}
		list, err := readJournal(s.journalPath(id))
		if errors.Is(err, os.ErrNotExist) {
			continue // its owner has just finished
		}
		if err != nil {
			return nil, &lab.HostError{Op: "clean up", Err: err, Hint: "look at the file; remove it when it is none of patchlab's"}
		}
		st := StaleInstance{id: id, intents: list, Spec: s.specOf(id)}
		for _, i := range list {
			if i.Path != "" && s.mayRemove(id, i) == nil {
				st.Bytes += allocatedBytes(i.Path)
			}
		}
		out = append(out, st)
	}
	return out, nil
}

// machines describes the machines of a stale instance to those that end them:
// by what its journal tells alone.
func (s StaleInstance) machines() []*agent.Spec {
	var out []*agent.Spec
	for _, i := range s.intents {
		if len(i.UUIDs) == 0 || filepath.Base(i.RunDir) != s.id {
			continue
		}
		spec := &agent.Spec{ID: s.id, RunDir: i.RunDir}
		for _, uuid := range i.UUIDs {
			spec.Machines = append(spec.Machines, agent.MachineSpec{Name: uuid, UUID: uuid})
		}
		out = append(out, spec)
	}
	return out
}
