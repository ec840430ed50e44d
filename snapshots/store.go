package snapshots

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// Store is patchlab's place on this host: what is kept (home) and the sockets
// of what runs (runtime). Many processes use one store at the same time.
type Store struct {
	home    string
	runtime string
	own     owner
	run     Runner
	accel   func() (string, error)
	now     func() time.Time
	mem     func() (memory, error)
	free    func(path string) (uint64, error)
	// treeBase is where an ordinary user's build unpacks: all may enter it.
	treeBase string

	// atStep is called at each step of a journal; nil but in tests.
	atStep func(step string)

	mu   sync.Mutex
	held map[string]*journal // by id: of instances that this process made
}

// Home is the folder of all that is kept, absolute.
func (s *Store) Home() string { return s.home }

// Runtime is the folder of sockets, absolute.
func (s *Store) Runtime() string { return s.runtime }

// CacheDir is the folder of what instances share about this host, such as
// QEMU's capabilities.
func (s *Store) CacheDir() string { return filepath.Join(s.home, "cache") }

// RunsDir is the folder of the run records of a lab.
func (s *Store) RunsDir(labName string) string { return filepath.Join(s.home, "runs", labName) }

// AllRunsDir is the folder of the folders of RunsDir.
func (s *Store) AllRunsDir() string { return filepath.Join(s.home, "runs") }

// LedgerDir is the folder of the ledger.
func (s *Store) LedgerDir() string { return filepath.Join(s.home, "ledger") }

// NightDir is the folder in which nights keep how far they have come.
func (s *Store) NightDir() string { return filepath.Join(s.home, "night") }

func (s *Store) imagesDir() string             { return filepath.Join(s.home, "images") }
func (s *Store) locksDir() string              { return filepath.Join(s.home, "locks") }
func (s *Store) logsDir() string               { return filepath.Join(s.home, "logs") }
func (s *Store) labsDir() string               { return filepath.Join(s.home, "labs") }
func (s *Store) imageDir(sha256 string) string { return filepath.Join(s.imagesDir(), sha256) }

// DefaultHome returns where things are kept unless the user says otherwise:
// $PATCHLAB_HOME; for root /var/lib/patchlab; else patchlab below
// $XDG_STATE_HOME or ~/.local/state. Env looks up an environment variable.
func DefaultHome(env func(string) string) (string, error) {
	if dir := env("PATCHLAB_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/patchlab", nil
	}
	// The XDG specification tells to ignore relative paths.
	if dir := env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "patchlab"), nil
	}
	if dir := env("HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, ".local", "state", "patchlab"), nil
	}
	return "", &lab.UsageError{
		Err:  errors.New("cannot find a folder to keep things in: neither PATCHLAB_HOME nor HOME is set"),
		Hint: "export PATCHLAB_HOME=/var/tmp/patchlab",
	}
}

// DefaultRuntime returns where sockets are made: for root /run/patchlab, else
// $XDG_RUNTIME_DIR/patchlab, else a folder of the user's own in /tmp. Env
// looks up an environment variable.
func DefaultRuntime(env func(string) string) string {
	if os.Geteuid() == 0 {
		return "/run/patchlab"
	}
	if dir := env("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "patchlab")
	}
	return "/tmp/patchlab-" + strconv.Itoa(os.Geteuid())
}

// Open returns the store in the two folders and makes them when they are
// missing. Both are made absolute. A folder that somebody else owns or may
// write to is refused with a *lab.HostError.
func Open(home, runtime string) (*Store, error) {
	s := &Store{run: hostRunner{}, now: time.Now, mem: hostMemory, free: freeBytes, treeBase: "/var/tmp", held: map[string]*journal{}}
	s.accel = func() (string, error) {
		accel, _, err := ChooseAccel(os.Getenv)
		return accel, err
	}
	var err error
	if s.own, err = hostOwner(); err != nil {
		return nil, err
	}
	return s.at(home, runtime)
}

// at sets the folders of s and makes them.
func (s *Store) at(home, runtime string) (*Store, error) {
	var err error
	if s.home, err = filepath.Abs(home); err != nil {
		return nil, fmt.Errorf("cannot find folder %s: %w", home, err)
	}
	if s.runtime, err = filepath.Abs(runtime); err != nil {
		return nil, fmt.Errorf("cannot find folder %s: %w", runtime, err)
	}
	for _, dir := range []string{s.home, s.runtime} {
		if err := s.own.claimDir(dir); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{s.imagesDir(), s.labsDir()} {
		if err := s.own.mkdir(dir); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{s.locksDir(), s.logsDir(), s.CacheDir(), s.journalDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("cannot make folder: %w", err)
		}
	}
	return s, nil
}
