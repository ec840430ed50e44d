package snapshots

import (
	"context"
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
	"github.com/google/renameio/v2"
	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// InstanceFiles is an instance on disk: everything that starting its machines
// and reaching them takes.
type InstanceFiles struct {
	Spec           *agent.Spec
	ClientKey      ssh.Signer               // logs in to every machine of the lab
	ClientKeyPath  string                   // in a form that plain ssh reads
	HostKeys       map[string]ssh.PublicKey // by machine
	KnownHostsPath string                   // of plain ssh; hosts are named as the machines are
	Images         map[string]Image         // by machine
	Created        time.Time
}

// fileRecord is what files.json holds: what an agent need not know.
type fileRecord struct {
	Created   time.Time         `json:"created"`
	ClientKey string            `json:"client_key"` // path
	HostKeys  map[string]string `json:"host_keys"`  // by machine, as in a .pub file
	Images    map[string]string `json:"images"`     // SHA-256 by machine
}

// PrepareInstance makes the folder of a new instance of l: images are there
// (made when they were not), every machine has copy-on-write disks, its
// first-boot data, a host key that is known from the start, and a place in
// the returned Spec. Nothing runs yet. Accel is what ChooseAccel returns; a
// Progress of nil is allowed.
//
// The instance belongs to this process until an agent holds its lock: see
// Stale. On error, and when ctx ends, nothing is left of it.
func (s *Store) PrepareInstance(ctx context.Context, l *lab.Lab, arm lab.Arm, accel string, p lab.Progress) (_ *InstanceFiles, err error) {
	p = lab.Quiet(p)
	if err := s.CheckHost(l); err != nil {
		return nil, err
	}
	images, unlock, err := s.holdImages(ctx, l, p)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Again, now that nobody else can take it meanwhile.
	if err := s.CheckHost(l); err != nil {
		return nil, err
	}
	key, keyPath, err := s.clientKey(ctx, l.Name)
	if err != nil {
		return nil, err
	}
	p.Step("making the machines' disks")
	spec, err := s.newInstance(l)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.RemoveInstance(context.WithoutCancel(ctx), spec))
		}
	}()
	spec.Lab, spec.LabDir, spec.Arm, spec.Accel = l.Name, l.Dir, string(arm), accel
	spec.Networks = networkConfigs(l)
	f := &InstanceFiles{
		Spec: spec, ClientKey: key, ClientKeyPath: keyPath,
		HostKeys: map[string]ssh.PublicKey{}, Images: map[string]Image{},
		KnownHostsPath: filepath.Join(spec.Dir, knownHosts),
		Created:        s.now().UTC().Truncate(time.Second),
	}
	for i, m := range l.Machines {
		f.Images[m.Name] = images[m.Image]
		if err := s.addMachine(ctx, f, i, m); err != nil {
			return nil, fmt.Errorf("cannot prepare machine %q of lab %q: %w", m.Name, l.Name, err)
		}
	}
	return f, f.write()
}

// holdImages makes the images of l and keeps them from being removed until
// unlock is called.
func (s *Store) holdImages(ctx context.Context, l *lab.Lab, p lab.Progress) (_ map[*lab.Image]Image, unlock func(), err error) {
	for _, m := range l.Machines { // before the lock: it takes long
		if _, err := s.EnsureImage(ctx, m.Image, p); err != nil {
			return nil, nil, err
		}
	}
	unlock, err = s.lock(ctx, useLock, p, "waiting for another patchlab that changes the images")
	if err != nil {
		return nil, nil, err
	}
	images := map[*lab.Image]Image{}
	for _, m := range l.Machines {
		if images[m.Image], err = s.EnsureImage(ctx, m.Image, p); err != nil {
			unlock()
			return nil, nil, err
		}
	}
	return images, unlock, nil
}

// newInstance makes the folders of an instance under an id that nobody has.
// The folder appears with its lock already held.
func (s *Store) newInstance(l *lab.Lab) (*agent.Spec, error) {
	parent, err := s.instancesDir(l.Name)
	if err != nil {
		return nil, err
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	id := hex.EncodeToString(b[:])
	spec := &agent.Spec{ID: id, Dir: filepath.Join(parent, id), RunDir: filepath.Join(s.runtime, id), CacheDir: s.CacheDir()}
	fail := func(err error) (*agent.Spec, error) {
		return nil, fmt.Errorf("cannot make the folder of an instance: %w", err)
	}
	// The socket folder is claimed first: ids are unique on the host, even
	// among labs.
	if err := os.Mkdir(spec.RunDir, s.own.dirMode()); err != nil {
		return fail(err)
	}
	fresh := filepath.Join(parent, newPrefix+id)
	undo := func(err error) (*agent.Spec, error) {
		return fail(errors.Join(err, os.RemoveAll(fresh), os.Remove(spec.RunDir)))
	}
	if err := s.own.mkdir(spec.RunDir); err != nil { // whatever the umask is
		return undo(err)
	}
	if err := s.own.mkdir(fresh); err != nil {
		return undo(err)
	}
	lock := flock.New(filepath.Join(fresh, makerLock), flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil {
		return undo(fmt.Errorf("cannot lock it: %w", err))
	} else if !ok {
		return undo(errors.New("another process holds its lock"))
	}
	if err := os.Rename(fresh, spec.Dir); err != nil {
		_ = lock.Close()
		return undo(err)
	}
	s.mu.Lock()
	s.held[spec.Dir] = lock
	s.mu.Unlock()
	return spec, nil
}

// addMachine makes the files of machine m and adds it to the instance.
func (s *Store) addMachine(ctx context.Context, f *InstanceFiles, index int, m *lab.Machine) error {
	host, err := newKeyPair(m.Name + " of lab " + f.Spec.Lab)
	if err != nil {
		return err
	}
	f.HostKeys[m.Name] = host.public
	spec := machineSpec(f.Spec, index, m)
	if spec.Disks, err = s.makeDisks(ctx, f, m, host); err != nil {
		return err
	}
	if m.Firmware == lab.UEFI {
		spec.NVRAM = filepath.Join(f.Spec.Dir, m.Name+"-nvram.fd")
		if err := s.makeNVRAM(spec.NVRAM); err != nil {
			return err
		}
	}
	f.Spec.Machines = append(f.Spec.Machines, spec)
	return nil
}

// write records the instance. The Spec is last: where it is, all else is.
func (f *InstanceFiles) write() error {
	rec := fileRecord{
		Created: f.Created, ClientKey: f.ClientKeyPath,
		HostKeys: map[string]string{}, Images: map[string]string{},
	}
	var known strings.Builder
	for _, m := range f.Spec.Machines {
		key := line(f.HostKeys[m.Name])
		rec.HostKeys[m.Name], rec.Images[m.Name] = key, f.Images[m.Name].SHA256
		fmt.Fprintf(&known, "%s %s\n", m.Name, key)
	}
	if err := f.Spec.Check(); err != nil {
		return &lab.HostError{
			Op: "prepare an instance", Err: err,
			Hint: "where a path is too long: export XDG_RUNTIME_DIR=/run/user/" + fmt.Sprint(os.Geteuid()),
		}
	}
	if err := renameio.WriteFile(f.KnownHostsPath, []byte(known.String()), 0o600); err != nil {
		return fmt.Errorf("cannot record instance: %w", err)
	}
	if err := writeJSON(filepath.Join(f.Spec.Dir, filesFile), rec); err != nil {
		return err
	}
	return writeJSON(filepath.Join(f.Spec.Dir, specFile), f.Spec)
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode %s: %w", filepath.Base(path), err)
	}
	if err := renameio.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot record instance: %w", err)
	}
	return nil
}
