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
	// untoldNights is how many nights in a row try to tell what went wrong: one
	// of several targets that is gone for good must not have the others told
	// the same for ever.
	untoldNights = 7
)

// state is what is kept of the pass over one lab while it is under way.
type state struct {
	Version int       `json:"version"`
	LabDir  string    `json:"lab_dir"` // for people: the file's name is what counts
	Started time.Time `json:"started"` // the pass; before its first run
	// Over says that the pass is not to be gone on with: it is only there
	// because nobody could be told of it.
	Over bool `json:"over,omitempty"`
	// Untold is how many nights have tried to tell it.
	Untold int `json:"untold,omitempty"`
	// Ended are the runs that were made. Whether one was is decided by Past,
	// which cannot tell why it came to what it did.
	Ended []flatOutcome `json:"ended"`

	key    string
	why    string // why it is told late what it holds
	kept   bool   // it was there when this pass began
	cutOff bool   // it is an earlier pass'
	stale  bool   // which is not to be gone on with: it is over, or too long ago, or the clock was set back
}

func statePath(dir, key string) string { return filepath.Join(dir, labID(key)+".json") }

// readState reads the state of an earlier pass over a lab; nil: there is none.
// Who calls it holds the lab's lock.
func readState(dir, key string, now time.Time) (*state, error) {
	f, err := os.Open(statePath(dir, key))
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
	if s.Version != stateVersion {
		return nil, fmt.Errorf("%s is of version %d, this patchlab knows %d", f.Name(), s.Version, stateVersion)
	}
	age := now.Sub(s.Started)
	s.key, s.kept, s.cutOff, s.stale = key, true, true, s.Over || age < 0 || age >= resumable
	if s.why = beforeCrash; s.Over {
		s.why = beforeSilence
	}
	if age < 0 { // of what is run from now on nothing may be missed either
		s.Started = now
	}
	return &s, nil
}

// write keeps s.
func (s *state) write(dir string) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = renameio.WriteFile(statePath(dir, s.key), append(text, '\n'), 0o600)
	}
	if err != nil {
		return &lab.HostError{Op: "keep what the night has done", Err: err}
	}
	return nil
}

// forget removes the state: the pass is over.
func (s *state) forget(dir string) error {
	if err := os.Remove(statePath(dir, s.key)); err != nil && !errors.Is(err, os.ErrNotExist) {
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
		if was.Skipped == nothingToDo || was.Skipped == hadAlready {
			o.Skipped = was.Skipped
		}
		return true
	}
	return false
}
