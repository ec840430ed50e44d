package snapshots

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// A journal says what a process is about to make on this host, one line for
// each step, written and synced before the step is taken. Whatever a killed
// process leaves behind is therefore named in its journal, and nothing that is
// not named in one is ever removed. A journal is removed after all else.
//
// The process that writes it holds its lock; once an instance has an agent,
// the lock of that one counts as well: see alive.
type journal struct {
	id   string
	path string
	lock *flock.Flock
	// step is called after a step was written down and before it is taken;
	// tests kill processes there.
	step func(string)
}

// intent is one line of a journal.
type intent struct {
	Time time.Time `json:"time"`
	Step string    `json:"step"`
	// Path is what is about to be made, absolute: see Store.mayRemove.
	Path string `json:"path,omitempty"`
	// UUIDs are those of machines that are about to run, with sockets in
	// RunDir.
	UUIDs  []string `json:"uuids,omitempty"`
	RunDir string   `json:"run_dir,omitempty"`
}

const (
	journalSuffix = ".jsonl"
	// maxJournal is far more than an instance's life takes, in bytes.
	maxJournal = 16 << 20
)

func (s *Store) journalDir() string           { return filepath.Join(s.home, "journal") }
func (s *Store) journalPath(id string) string { return filepath.Join(s.journalDir(), id+journalSuffix) }

func (s *Store) newJournalPath(id string) string {
	return filepath.Join(s.journalDir(), newPrefix+id)
}

// newID returns an id of 8 hex digits.
func newID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// newJournal opens a journal under an id that no other has. It appears with
// its lock held.
func (s *Store) newJournal() (*journal, error) {
	fail := func(err error) (*journal, error) { return nil, fmt.Errorf("cannot open a journal: %w", err) }
	id := newID()
	fresh := s.newJournalPath(id)
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fail(err)
	}
	if err := f.Close(); err != nil {
		return fail(errors.Join(err, os.Remove(fresh)))
	}
	lock := flock.New(fresh, flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return fail(errors.Join(err, errors.New("its lock is taken"), os.Remove(fresh)))
	}
	j := &journal{id: id, path: s.journalPath(id), lock: lock, step: s.atStep}
	// Not Rename: an id that is taken must stay its owner's.
	if err := os.Link(fresh, j.path); err != nil {
		return fail(errors.Join(err, lock.Close(), os.Remove(fresh)))
	}
	if err := os.Remove(fresh); err != nil {
		return fail(errors.Join(err, lock.Close()))
	}
	return j, nil
}

// journalOf opens the journal of an instance that another process made, to
// write further steps down.
func (s *Store) journalOf(id string) *journal {
	return &journal{id: id, path: s.journalPath(id), step: s.atStep}
}

// intend writes down what is about to be done, and returns once that is on
// the disk.
func (j *journal) intend(i intent) error {
	i.Time = time.Now().UTC()
	line, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("cannot write journal: %w", err)
	}
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("cannot write journal: %w", err)
	}
	line = append(line, '\n')
	if torn(f) {
		line = append([]byte("\n"), line...)
	}
	_, err = f.Write(line)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write journal: %w", err)
	}
	if j.step != nil {
		j.step(i.Step)
	}
	return nil
}

// torn reports whether a journal's last line was cut off, as on a full disk.
func torn(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// end removes the journal: nothing that it names is there any more, or all of
// it has been finished and is kept.
func (j *journal) end() error {
	err := os.Remove(j.path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, j.release())
}

// release lets others see that this process does not answer for it any more.
func (j *journal) release() error {
	if j.lock == nil {
		return nil
	}
	return j.lock.Close()
}

// readJournal returns a journal's lines. One that was cut off, by a crash or a
// full disk, is left out: what it names was not begun.
func readJournal(path string) ([]intent, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("cannot read journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxJournal {
		return nil, fmt.Errorf("cannot read journal %s: it is none", path)
	}
	var list []intent
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return list, nil // its end, or a line cut off
		}
		var i intent
		if json.Unmarshal(line, &i) == nil {
			list = append(list, i)
		}
	}
}

// journals lists the ids of all journals, sorted. Those that were never
// finished being opened are removed: they name nothing.
func (s *Store) journals() ([]string, error) {
	entries, err := os.ReadDir(s.journalDir())
	if err != nil {
		return nil, fmt.Errorf("cannot list journals: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), journalSuffix); ok && validID.MatchString(id) {
			ids = append(ids, id)
			continue
		}
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), newPrefix) && s.now().Sub(info.ModTime()) > freshAge {
			_ = os.Remove(filepath.Join(s.journalDir(), e.Name()))
		}
	}
	return ids, nil
}
