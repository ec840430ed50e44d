package night

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
)

const (
	stateVersion = 1
	maxState     = 16 << 20 // bytes
	// resumable is for how long a pass that was cut off is gone on with: less
	// than a day, so that the next night is a new one even if it begins a
	// little earlier.
	resumable = 20 * time.Hour
)

// state is what is kept of the pass over one lab while it is under way.
type state struct {
	Version int       `json:"version"`
	LabDir  string    `json:"lab_dir"`
	Started time.Time `json:"started"` // the pass; before its first run
	// Ended are the runs that were made. Whether one was is decided by Past,
	// which cannot tell why it came to what it did.
	Ended []flatOutcome `json:"ended"`

	cutOff bool // it is an earlier pass'
	stale  bool // which is too long ago to be gone on with
}

func statePath(dir, labDir string) string { return filepath.Join(dir, labID(labDir)+".json") }

// readState reads the state of a pass over a lab that was cut off; nil: there
// is none. Who calls it holds the lab's lock.
func readState(dir, labDir string, now time.Time) (*state, error) {
	f, err := os.Open(statePath(dir, labDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxState {
		return nil, fmt.Errorf("%s is too large", f.Name())
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", f.Name(), err)
	}
	age := now.Sub(s.Started)
	if s.Version != stateVersion || s.LabDir != labDir || age < 0 {
		return nil, nil
	}
	s.cutOff, s.stale = true, age >= resumable
	return &s, nil
}

// write keeps s.
func (s *state) write(dir string) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = renameio.WriteFile(statePath(dir, s.LabDir), append(text, '\n'), 0o600)
	}
	if err != nil {
		return &lab.HostError{Op: "keep what the night has done", Err: err}
	}
	return nil
}

// forget removes the state: the pass is over.
func (s *state) forget(dir string) error {
	if err := os.Remove(statePath(dir, s.LabDir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return &lab.HostError{
			Op: "end the night", Err: err,
			Hint: "remove the file: else the next night takes this one's runs for its own",
		}
	}
	return nil
}

// recall adds to o, of a run that was made before the pass was cut off, what
// was noted of it; false: nothing was.
func (s *state) recall(o *Outcome) bool {
	for _, was := range s.Ended {
		if was.Run != o.Run || was.Verdict != o.Verdict {
			continue
		}
		o.Reason, o.Dir, o.Log, o.Seconds, o.Code = was.Reason, was.Dir, was.Log, was.Seconds, was.Code
		if was.Skipped == nothingToDo {
			o.Skipped = nothingToDo
		}
		return true
	}
	return false
}
