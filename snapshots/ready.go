package snapshots

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// readyVersion is raised when ready states of an older patchlab cannot be
// forked any more, or no longer fit: because patchlab does something else to
// machines, or describes them to QEMU in another way. They are made anew.
const readyVersion = 1

const (
	readyFile = "ready.json"
	usedFile  = "used"       // its time says when the ready state was last forked
	shareFile = "usage.json" // see measured
)

// readyState is a lab's golden snapshot: the disks, memory and device state of
// all its machines at one instant, as files that nobody changes.
type readyState struct {
	Version  int            `json:"version"`
	Key      string         `json:"key"` // see readyKey
	Lab      string         `json:"lab"`
	LabDir   string         `json:"lab_dir"` // of the definition that it was made for
	Parts    []Part         `json:"parts"`
	Created  time.Time      `json:"created"`
	Accel    string         `json:"accel"`
	Memory   string         `json:"memory"` // see memoryMethod
	Machines []readyMachine `json:"machines"`
	Layers   []layer        `json:"layers"`

	dir string
}

// readyMachine is one machine of a ready state, and of a point. Files are
// named without their folder.
type readyMachine struct {
	Name    string           `json:"name"`
	UUID    string           `json:"uuid"`
	Image   string           `json:"image"`    // SHA-256
	HostKey string           `json:"host_key"` // as in a .pub file
	Nonce   string           `json:"nonce"`    // what its memory holds
	Disks   []agent.DiskSpec `json:"disks"`
	NVRAM   string           `json:"nvram,omitempty"`
	RAM     string           `json:"ram,omitempty"`
	State   string           `json:"state"`
}

func (s *Store) readyDir(labName string) string { return filepath.Join(s.labsDir(), labName, "ready") }

// loadReady reads the ready state in dir.
func loadReady(dir string) (*readyState, error) {
	b, err := os.ReadFile(filepath.Join(dir, readyFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read ready state: %w", err)
	}
	var r readyState
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("cannot read ready state %s: %w", dir, err)
	}
	if r.Key != filepath.Base(dir) || r.Version != readyVersion {
		return nil, fmt.Errorf("cannot use ready state %s: it is %q of version %d", dir, r.Key, r.Version)
	}
	r.dir = dir
	for _, m := range r.Machines {
		for _, d := range m.Disks {
			if filepath.IsAbs(d.Path) {
				return nil, fmt.Errorf("cannot use ready state %s: it names %q", dir, d.Path)
			}
		}
		for _, name := range m.files() {
			if filepath.Base(name) != name {
				return nil, fmt.Errorf("cannot use ready state %s: it names %q", dir, name)
			}
		}
	}
	return &r, nil
}

// files lists the names of m's own files.
func (m *readyMachine) files() []string {
	names := []string{m.State}
	for _, d := range m.Disks {
		if !filepath.IsAbs(d.Path) {
			names = append(names, d.Path)
		}
	}
	for _, name := range []string{m.NVRAM, m.RAM} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

func (r *readyState) path(name string) string { return filepath.Join(r.dir, name) }

func (r *readyState) machine(name string) *readyMachine {
	i := slices.IndexFunc(r.Machines, func(m readyMachine) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Machines[i]
}

func (m *readyMachine) hostKey() (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(m.HostKey))
	if err != nil {
		return nil, fmt.Errorf("host key of machine %q: %w", m.Name, err)
	}
	return key, nil
}

// use notes that the ready state is in use: it is kept for longer.
func (r *readyState) use(now time.Time) {
	path := r.path(usedFile)
	if err := os.Chtimes(path, now, now); err != nil {
		_ = os.WriteFile(path, nil, 0o600) // it is only kept for less long
	}
}

// used is when the ready state was last forked.
func (r *readyState) used() time.Time {
	info, err := os.Stat(r.path(usedFile))
	if err != nil {
		return r.Created
	}
	return info.ModTime()
}

// readyStates lists the ready states of all labs, the oldest first.
func (s *Store) readyStates() ([]*readyState, error) {
	dirs, err := filepath.Glob(filepath.Join(s.labsDir(), "*", "ready", "*"))
	if err != nil {
		return nil, err
	}
	var list []*readyState
	for _, dir := range dirs {
		if len(filepath.Base(dir)) != 64 {
			continue
		}
		if r, err := loadReady(dir); err == nil {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b *readyState) int { return a.Created.Compare(b.Created) })
	return list, nil
}

// measured is the memory of their own that forks of a ready state were seen
// to need, MiB by machine: the most of all forks.
type measured map[string]int

func (r *readyState) measured() measured {
	m := measured{}
	if b, err := os.ReadFile(r.path(shareFile)); err == nil && json.Unmarshal(b, &m) != nil {
		return measured{}
	}
	return m
}

// measure takes note of what a fork's machines need. It only makes the next
// estimate better: errors are no matter.
func (r *readyState) measure(st *agent.Status) {
	m, more := r.measured(), false
	for _, s := range st.Machines {
		if s.Memory.AnonMiB > m[s.Name] {
			m[s.Name], more = s.Memory.AnonMiB, true
		}
	}
	if more {
		_ = writeJSON(r.path(shareFile), m)
	}
}

// record describes the ready state for a run record.
func (r *readyState) record(built bool, took time.Duration) lab.ReadyRecord {
	return lab.ReadyRecord{Key: r.Key, Built: built, Created: r.Created, Memory: r.Memory, Seconds: took.Seconds()}
}
