package snapshots

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// freezing asks the agent to save the state of all machines of an instance into
// dir. Where they go on afterwards, the caller adds the files to copy.
func freezing(spec *agent.Spec, dir string) []agent.Freezing {
	var list []agent.Freezing
	for _, m := range spec.Machines {
		list = append(list, agent.Freezing{Machine: m.Name, State: filepath.Join(dir, m.Name+stateSuffix)})
	}
	return list
}

// freezeReady makes the files of an instance whose machines have been saved,
// and have ended, the ready state r. Its folder appears whole or not at all.
func (s *Store) freezeReady(ctx context.Context, f *InstanceFiles, r *readyState, nonces map[string]string, p lab.Progress) (err error) {
	j := s.journalOf(f.Spec.ID)
	parent := s.readyDir(r.Lab)
	if err := s.own.mkdir(parent); err != nil {
		return err
	}
	part := filepath.Join(parent, partPrefix+f.Spec.ID)
	if err := j.intend(intent{Step: "ready", Path: part}); err != nil {
		return err
	}
	if err := s.own.mkdir(part); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(part))
		}
	}()
	r.dir = part
	for i := range f.Spec.Machines {
		m, err := s.moveMachine(f, &f.Spec.Machines[i], part)
		if err != nil {
			return err
		}
		m.Nonce = nonces[m.Name]
		r.Machines = append(r.Machines, m)
	}
	final := filepath.Join(parent, r.Key)
	if err := s.seal(ctx, r, final, p); err != nil {
		return err
	}
	if err := ticking(p, "writing it to the disk", func() error { return syncAll(part) }); err != nil {
		return err
	}
	if err := j.intend(intent{Step: "keep"}); err != nil {
		return err
	}
	if _, err := os.Lstat(final); err == nil { // it cannot be read any more
		if err := s.drop(final, "ready"); err != nil {
			return err
		}
	}
	if err := os.Rename(part, final); err != nil {
		return fmt.Errorf("cannot keep ready state: %w", err)
	}
	r.dir = final
	return nil
}

// syncAll returns when the file system of dir has written everything down: what
// is called whole has to be so after a power cut as well.
func syncAll(dir string) error {
	f, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return fmt.Errorf("cannot open folder: %w", err)
	}
	if err := errors.Join(unix.Syncfs(int(f.Fd())), f.Close()); err != nil {
		return fmt.Errorf("cannot write %s to the disk: %w", dir, err)
	}
	return nil
}

// moveMachine moves a machine's files into dir.
func (s *Store) moveMachine(f *InstanceFiles, spec *agent.MachineSpec, dir string) (readyMachine, error) {
	m := readyMachine{
		Name: spec.Name, UUID: spec.UUID, Image: f.Images[spec.Name].SHA256,
		HostKey: line(f.HostKeys[spec.Name]), State: spec.Name + stateSuffix,
	}
	files := []string{filepath.Join(f.Spec.Dir, m.State)}
	for _, d := range spec.Disks {
		files = append(files, d.Path)
		d.Path = filepath.Base(d.Path)
		m.Disks = append(m.Disks, d)
	}
	if spec.NVRAM != "" {
		files, m.NVRAM = append(files, spec.NVRAM), filepath.Base(spec.NVRAM)
	}
	if spec.RAM != nil {
		files, m.RAM = append(files, spec.RAM.Path), filepath.Base(spec.RAM.Path)
	}
	for _, file := range files {
		if err := os.Rename(file, filepath.Join(dir, filepath.Base(file))); err != nil {
			return m, fmt.Errorf("cannot keep machine %q: %w", m.Name, err)
		}
	}
	// For those who look at a fork's console; a fork does without.
	_ = os.Rename(spec.ConsoleLog, filepath.Join(dir, spec.Name+bootSuffix))
	return m, nil
}

// seal makes r's files as small as they can be, protects and measures them,
// adds the empty overlays that forks start from, and describes r. Final is
// where the folder will be.
func (s *Store) seal(ctx context.Context, r *readyState, final string, p lab.Progress) error {
	g, gctx := errgroup.WithContext(ctx)
	for i := range r.Machines {
		m := &r.Machines[i]
		g.Go(func() error {
			if m.RAM == "" {
				return nil
			}
			_, err := agent.DigHoles(gctx, r.path(m.RAM))
			return err
		})
	}
	err := ticking(p, "making the memory files small", g.Wait)
	if err != nil {
		return err
	}
	for i := range r.Machines {
		if err := s.protect(ctx, r, &r.Machines[i], final); err != nil {
			return err
		}
	}
	if err := ticking(p, "naming the layers by their content", func() error { return r.measureLayers(ctx) }); err != nil {
		return err
	}
	r.Created = s.now().UTC().Truncate(time.Second)
	if err := writeJSON(r.path(readyFile), r); err != nil {
		return err
	}
	return os.WriteFile(r.path(usedFile), nil, 0o600)
}

// protect takes a machine's frozen files from whoever could write them, and
// makes the empty overlays of its disks.
func (s *Store) protect(ctx context.Context, r *readyState, m *readyMachine, final string) error {
	for _, d := range m.Disks {
		if filepath.IsAbs(d.Path) { // shared with the ready state
			continue
		}
		if err := os.Chmod(r.path(d.Path), s.frozenMode(d)); err != nil {
			return fmt.Errorf("cannot protect layer: %w", err)
		}
		if d.ReadOnly {
			continue
		}
		info, err := s.diskInfo(ctx, r.path(d.Path))
		if err != nil {
			return err
		}
		// The overlay names its base where that will be: it is not there yet.
		empty := r.path(d.Path + emptySuffix)
		err = s.newDisk(ctx, empty, "-u", "-b", filepath.Join(final, d.Path), "-F", d.Format, empty, fmt.Sprint(info.VirtualSize))
		if err != nil {
			return err
		}
	}
	return nil
}

// frozenMode is the mode of a frozen disk. First-boot data holds a private
// key, and stays QEMU's alone.
func (s *Store) frozenMode(d agent.DiskSpec) fs.FileMode {
	if d.ReadOnly {
		return 0o400
	}
	return 0o444
}

// measureLayers describes all files of r.
func (r *readyState) measureLayers(ctx context.Context) error {
	var names []string
	for i := range r.Machines {
		names = append(names, r.Machines[i].files()...)
		for _, d := range r.Machines[i].Disks {
			if !d.ReadOnly {
				names = append(names, d.Path+emptySuffix)
			}
		}
	}
	r.Layers = make([]layer, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4) // as many as keep a disk and a few processors busy
	for i, name := range names {
		g.Go(func() (err error) {
			r.Layers[i], err = measureLayer(gctx, r.path(name))
			return err
		})
	}
	return g.Wait()
}
