package snapshots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

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
	Ready          string // key of the ready state that it is a fork of; empty while one is made
}

// fileRecord is what files.json holds: what an agent need not know.
type fileRecord struct {
	Created   time.Time         `json:"created"`
	ClientKey string            `json:"client_key"` // path
	HostKeys  map[string]string `json:"host_keys"`  // by machine, as in a .pub file
	Images    map[string]string `json:"images"`     // SHA-256 by machine
	Ready     string            `json:"ready,omitempty"`
}

// PrepareInstance makes the folder of a new instance of l whose machines will
// boot: images are there (made when they were not), every machine has
// copy-on-write disks, its first-boot data, a host key that is known from the
// start, and a place in the returned Spec. With ram its memory will live in a
// file. Nothing runs yet. Accel is what ChooseAccel returns; a Progress of nil
// is allowed.
//
// The instance belongs to this process until an agent holds its lock: see
// Stale. On error, and when ctx ends, nothing is left of it.
func (s *Store) PrepareInstance(ctx context.Context, l *lab.Lab, arm lab.Arm, accel string, ram bool, p lab.Progress) (_ *InstanceFiles, err error) {
	p = lab.Quiet(p)
	if err := s.checkBoot(l, ram); err != nil {
		return nil, err
	}
	images, unlock, err := s.holdImages(ctx, l, p)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Again, now that nobody else can take it meanwhile.
	if err := s.checkBoot(l, ram); err != nil {
		return nil, err
	}
	f, err := s.newFiles(ctx, l, arm, accel)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.RemoveInstance(context.WithoutCancel(ctx), f.Spec))
		}
	}()
	p.Step("making the machines' disks")
	for i, m := range l.Machines {
		f.Images[m.Name] = images[m.Image]
		if err := s.addMachine(ctx, f, i, m, ram); err != nil {
			return nil, fmt.Errorf("cannot prepare machine %q of lab %q: %w", m.Name, l.Name, err)
		}
	}
	return f, f.write()
}

// checkBoot reports whether the host can hold another instance of l whose
// machines boot.
func (s *Store) checkBoot(l *lab.Lab, ram bool) error {
	if err := s.CheckHost(l); err != nil || !ram {
		return err
	}
	return s.checkDisk(fmt.Sprintf("make the ready state of lab %q", l.Name), s.readyDiskNeedMiB(l))
}

// newFiles makes the empty folders of an instance of l.
func (s *Store) newFiles(ctx context.Context, l *lab.Lab, arm lab.Arm, accel string) (*InstanceFiles, error) {
	key, keyPath, err := s.clientKey(ctx, l.Name)
	if err != nil {
		return nil, err
	}
	spec, err := s.newInstance(l)
	if err != nil {
		return nil, err
	}
	spec.Lab, spec.LabDir, spec.Arm, spec.Accel = l.Name, l.Dir, string(arm), accel
	spec.Networks = networkConfigs(l)
	return &InstanceFiles{
		Spec: spec, ClientKey: key, ClientKeyPath: keyPath,
		HostKeys: map[string]ssh.PublicKey{}, Images: map[string]Image{},
		KnownHostsPath: filepath.Join(spec.Dir, knownHosts),
		Created:        s.now().UTC().Truncate(time.Second),
	}, nil
}

// holdImages makes the images of l and keeps them from being removed until
// unlock is called.
func (s *Store) holdImages(ctx context.Context, l *lab.Lab, p lab.Progress) (_ map[*lab.Image]Image, unlock func(), err error) {
	if _, err := s.ensureImages(ctx, l, p); err != nil { // before the lock: it takes long
		return nil, nil, err
	}
	unlock, err = s.lock(ctx, useLock, p, "waiting for another patchlab that changes the images")
	if err != nil {
		return nil, nil, err
	}
	images, err := s.ensureImages(ctx, l, p)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return images, unlock, nil
}

func (s *Store) ensureImages(ctx context.Context, l *lab.Lab, p lab.Progress) (map[*lab.Image]Image, error) {
	images := map[*lab.Image]Image{}
	for _, m := range l.Machines {
		img, err := s.EnsureImage(ctx, m.Image, p)
		if err != nil {
			return nil, err
		}
		s.useImage(img)
		images[m.Image] = img
	}
	return images, nil
}

// newInstance makes the folders of an instance, after it has opened its
// journal.
func (s *Store) newInstance(l *lab.Lab) (*agent.Spec, error) {
	parent, err := s.instancesDir(l.Name)
	if err != nil {
		return nil, err
	}
	j, err := s.newJournal()
	if err != nil {
		return nil, err
	}
	spec := &agent.Spec{ID: j.id, Dir: filepath.Join(parent, j.id), RunDir: filepath.Join(s.runtime, j.id), CacheDir: s.CacheDir()}
	undo := func(err error) (*agent.Spec, error) {
		return nil, fmt.Errorf("cannot make the folder of an instance: %w", errors.Join(err, j.end()))
	}
	// Plain Mkdir: what is there already is somebody else's.
	for _, step := range []intent{{Step: "sockets", Path: spec.RunDir}, {Step: "folder", Path: spec.Dir}} {
		if err := j.intend(step); err != nil {
			return undo(errors.Join(err, removeIfEmpty(spec.RunDir)))
		}
		if err := os.Mkdir(step.Path, s.own.dirMode()); err != nil {
			if step.Path == spec.Dir {
				err = errors.Join(err, removeIfEmpty(spec.RunDir))
			}
			return undo(err)
		}
	}
	s.mu.Lock()
	s.held[spec.ID] = j
	s.mu.Unlock()
	for _, dir := range []string{spec.RunDir, spec.Dir} {
		if err := s.own.mkdir(dir); err != nil { // whatever the umask is
			return nil, errors.Join(err, s.removeFolders(spec.Dir, spec.RunDir))
		}
	}
	if err := j.intend(intent{Step: "files", Path: spec.Dir}); err != nil {
		return nil, errors.Join(err, s.removeFolders(spec.Dir, spec.RunDir))
	}
	return spec, nil
}

func removeIfEmpty(dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// addMachine makes the files of machine m and adds it to the instance.
func (s *Store) addMachine(ctx context.Context, f *InstanceFiles, index int, m *lab.Machine, ram bool) error {
	host, err := newKeyPair(m.Name + " of lab " + f.Spec.Lab)
	if err != nil {
		return err
	}
	f.HostKeys[m.Name] = host.public
	spec := machineSpec(f.Spec, index, m)
	spec.UUID = newUUID()
	spec.NeedMiB = machineNeedMiB(m, f.Spec.Accel, 0)
	if spec.Disks, err = s.makeDisks(ctx, f, m, host); err != nil {
		return err
	}
	if m.Firmware == lab.UEFI {
		spec.NVRAM = filepath.Join(f.Spec.Dir, m.Name+nvramSuffix)
		if err := s.makeNVRAM(spec.NVRAM); err != nil {
			return err
		}
	}
	if ram {
		spec.RAM = &agent.RAMSpec{Path: filepath.Join(f.Spec.Dir, m.Name+ramSuffix), Shared: true}
		if err := s.makeRAM(spec.RAM.Path, m.MemoryMiB); err != nil {
			return err
		}
	}
	f.Spec.Machines = append(f.Spec.Machines, spec)
	return nil
}

// makeRAM makes the file of a machine's memory, all of it a hole.
func (s *Store) makeRAM(path string, sizeMiB int) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot make memory file: %w", err)
	}
	if err := errors.Join(f.Truncate(int64(sizeMiB)<<20), f.Close()); err != nil {
		return fmt.Errorf("cannot make memory file: %w", err)
	}
	return s.own.give(path, 0o600)
}

// write records the instance. The Spec is last: where it is, all else is.
func (f *InstanceFiles) write() error {
	rec := fileRecord{
		Created: f.Created, ClientKey: f.ClientKeyPath, Ready: f.Ready,
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
		return fmt.Errorf("cannot record %s: %w", filepath.Base(path), err)
	}
	return nil
}
