package lab

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
		Egress: []EgressAttempt{}, Findings: []Finding{},
	}
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
	sweepUnfinished(root)
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

// sweepUnfinished removes what killed runs have left in the labs' folders.
func sweepUnfinished(root string) {
	dirs, err := filepath.Glob(filepath.Join(root, "*", unfinishedPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			continue
		}
		lock := flock.New(filepath.Join(dir, unfinishedLock))
		if ok, err := lock.TryLock(); err == nil && ok {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
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
	return OpenLog(filepath.Join(r.dir, "logs", name), r.redact)
}

// finding adds err as a finding, with its tail when it has one. The error of
// several machines gives one finding each.
func (r *recorder) finding(arm Arm, blamePatch bool, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			r.finding(arm, blamePatch, e)
		}
		return
	}
	f := Finding{Patch: blamePatch, Arm: arm, Summary: Printable(r.redact(err.Error()), 500)}
	_, f.Host = errors.AsType[*HostError](err)
	if ge, ok := errors.AsType[*GuestError](err); ok {
		f.Machine, f.Tail = ge.Machine, r.redact(ge.Tail)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rec.Findings = append(r.rec.Findings, f)
}

// keepConsole copies a machine's console log into the record's folder.
func (r *recorder) keepConsole(machine, path string) {
	in, err := os.Open(path)
	if err != nil {
		return // a machine that never started has none
	}
	defer func() { _ = in.Close() }()
	name := filepath.Join("logs", "console-"+machine+".log")
	out, err := OpenLog(filepath.Join(r.dir, name), r.redact)
	if err != nil {
		return
	}
	if _, err := io.Copy(out, in); errors.Join(err, out.Close()) != nil {
		return
	}
	for i := range r.rec.Machines {
		if r.rec.Machines[i].Name == machine {
			r.rec.Machines[i].Console = name
		}
	}
}

// finish judges the run, writes run.json and gives the folder its name.
func (r *recorder) finish() (*Record, error) {
	rec := &r.rec
	slices.SortStableFunc(rec.Phases, func(a, b PhaseRecord) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Machine, b.Machine))
	})
	rec.Seconds = time.Since(rec.Started).Seconds()
	rec.judge()
	text, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot write the run record: %w", err)
	}
	if err := renameio.WriteFile(filepath.Join(r.dir, "run.json"), append(text, '\n'), 0o600); err != nil {
		return nil, &HostError{Op: "write the run record", Err: err}
	}
	if err := errors.Join(os.Remove(filepath.Join(r.dir, unfinishedLock)), os.Rename(r.dir, r.final), r.lock.Close()); err != nil {
		return nil, &HostError{Op: "keep the run record", Err: err}
	}
	return rec, nil
}

// drop removes what an unfinished run has written.
func (r *recorder) drop() {
	_ = os.RemoveAll(r.dir)
	_ = r.lock.Close()
}
