package lab

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
)

// maxLog is the most that is kept of one log, in bytes: a machine that prints
// without end must not fill the host.
const maxLog = 32 << 20

// recorder collects one run's record and logs in a hidden folder, which
// becomes runs/<lab>/<run> when the run is finished.
type recorder struct {
	obs    Observer
	redact func(string) string
	dir    string // the hidden folder
	final  string
	lock   *flock.Flock // of dir, as long as it is hidden
	keep   func(dir string, rec *Record) error

	mu  sync.Mutex
	rec Record
}

// newRecorder makes the hidden folder below runsDir.
func newRecorder(runsDir string, l *Lab, o Observer) (*recorder, error) {
	started := time.Now()
	var salt [2]byte
	_, _ = rand.Read(salt[:]) // never fails: crypto/rand ends the program instead
	id := started.UTC().Format("20060102-150405") + "-" + hex.EncodeToString(salt[:])
	r := &recorder{
		obs: o, redact: l.Redactor(),
		dir: filepath.Join(runsDir, unfinishedPrefix+id), final: filepath.Join(runsDir, id),
	}
	r.rec = Record{
		Version: RecordVersion, Lab: l.Name, Client: l.Client, Run: id, Started: started, Dir: r.final,
		Checks: []CheckRecord{}, Machines: []MachineRecord{}, Phases: []PhaseRecord{},
		Egress: []EgressAttempt{}, Findings: []Finding{}, Networks: []NetworkRecord{}, Retain: l.Retain,
	}
	r.describeNetworks(l)
	if err := r.claim(filepath.Dir(runsDir)); err != nil {
		return nil, &HostError{Op: "make the run's folder", Err: err}
	}
	return r, nil
}

// claim makes the hidden folder and takes its lock. Beforehand it removes the
// folders of killed runs of all labs below root. Both happen under root's own
// lock, so that nobody takes a folder without its lock yet for a dead one.
func (r *recorder) claim(root string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	all := flock.New(filepath.Join(root, unfinishedLock))
	if err := all.Lock(); err != nil {
		return err
	}
	defer func() { _ = all.Close() }()
	for _, dir := range unfinished(root) {
		_ = os.RemoveAll(dir) // what cannot be removed is for the next run
	}
	if err := os.MkdirAll(filepath.Join(r.dir, "logs"), 0o700); err != nil {
		return err
	}
	r.lock = flock.New(filepath.Join(r.dir, unfinishedLock))
	if _, err := r.lock.TryLock(); err != nil {
		return errors.Join(err, os.RemoveAll(r.dir))
	}
	return nil
}

const (
	unfinishedPrefix = ".unfinished-"
	// unfinishedLock is held by the process whose run it is.
	unfinishedLock = ".lock"
)

// SweepUnfinished calls remove for each folder below root, the folder of all
// labs' runs, that a killed run has left. Runs that are under way are left
// alone.
func SweepUnfinished(root string, remove func(dir string) error) error {
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	all := flock.New(filepath.Join(root, unfinishedLock))
	if err := all.Lock(); err != nil {
		return fmt.Errorf("cannot lock the runs: %w", err)
	}
	defer func() { _ = all.Close() }()
	var errs []error
	for _, dir := range unfinished(root) {
		errs = append(errs, remove(dir))
	}
	return errors.Join(errs...)
}

// unfinished lists the folders of killed runs. The caller holds root's lock,
// so that a folder that is just being made is not taken for one.
func unfinished(root string) (list []string) {
	dirs, err := filepath.Glob(filepath.Join(root, "*", unfinishedPrefix+"*"))
	if err != nil {
		return nil
	}
	for _, dir := range dirs {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			continue
		}
		lock := flock.New(filepath.Join(dir, unfinishedLock))
		if ok, err := lock.TryLock(); err == nil && ok {
			list = append(list, dir)
		}
		_ = lock.Close()
	}
	return list
}

// Begin implements Observer: it passes the phase on and puts it in the record.
func (r *recorder) Begin(arm Arm, machine, phase string) (Progress, func(error)) {
	started := time.Now()
	p, end := r.obs.Begin(arm, machine, phase)
	return p, func(err error) {
		end(err)
		rec := PhaseRecord{Name: phase, Arm: arm, Machine: machine, Started: started, Seconds: time.Since(started).Seconds()}
		if err != nil {
			rec.Error = r.redact(err.Error())
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.rec.Phases = append(r.rec.Phases, rec)
	}
}

// Log implements Logs.
func (r *recorder) Log(name string) (io.WriteCloser, error) {
	return r.open(filepath.Join("logs", name))
}

// open is Log for a path below the record's folder.
func (r *recorder) open(path string) (io.WriteCloser, error) {
	return OpenLog(filepath.Join(r.dir, path), r.redact)
}

// keepConsole copies a machine's console log to a path below the record's
// folder, and reports whether there was one.
func (r *recorder) keepConsole(from, path string) bool {
	in, err := os.Open(from)
	if err != nil {
		return false // a machine that never started has none
	}
	defer in.Close()
	out, err := r.open(path)
	if err != nil {
		return false
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close()) == nil
}

// machine changes one machine's entry in the record.
func (r *recorder) machine(name string, change func(*MachineRecord)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.rec.Machines {
		if r.rec.Machines[i].Name == name {
			change(&r.rec.Machines[i])
		}
	}
}

// gap adds what could not be looked at, once.
func (r *recorder) gap(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.rec.Gaps, text) {
		r.rec.Gaps = append(r.rec.Gaps, text)
	}
}

// finish judges the run, writes run.json and gives the folder its name. Beside
// an error of keep the record is returned, and there.
func (r *recorder) finish() (*Record, error) {
	rec := &r.rec
	slices.SortStableFunc(rec.Phases, func(a, b PhaseRecord) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Machine, b.Machine))
	})
	rec.Seconds = time.Since(rec.Started).Seconds()
	slices.Sort(rec.Gaps)
	rec.judge()
	text, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot write the run record: %w", err)
	}
	if err := renameio.WriteFile(filepath.Join(r.dir, "run.json"), append(text, '\n'), 0o600); err != nil {
		return nil, &HostError{Op: "write the run record", Err: err}
	}
	var left error // what is not there of a record that is
	if r.keep != nil {
		if err := r.keep(r.dir, rec); err != nil {
			left = &HostError{Op: "write the run's reports", Err: err}
		}
	}
	if err := errors.Join(os.Remove(filepath.Join(r.dir, unfinishedLock)), os.Rename(r.dir, r.final), r.lock.Close()); err != nil {
		return nil, &HostError{Op: "keep the run record", Err: err}
	}
	return rec, left
}

// drop removes what an unfinished run has written.
func (r *recorder) drop() {
	_ = os.RemoveAll(r.dir)
	_ = r.lock.Close()
}
