package snapshots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// prepareFork makes the folder of a new instance of r: copy-on-write disks,
// and memory that is r's own file, mapped privately. With own each machine
// gets a copy of the memory file instead, so that snapshots of it can be taken.
// Nothing runs yet. On error, and when ctx ends, nothing is left.
func (s *Store) prepareFork(ctx context.Context, r *readyState, l *lab.Lab, arm lab.Arm, own bool, p lab.Progress) (_ *InstanceFiles, err error) {
	unlock, err := s.lock(ctx, useLock, p, "waiting for another patchlab that changes the images")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := os.Stat(r.path(readyFile)); err != nil {
		return nil, &lab.HostError{Op: "fork the ready state", Err: errors.New("it was removed meanwhile"), Hint: "run the command again"}
	}
	needs, total := r.needs(l, own)
	if err := s.checkMemory(fmt.Sprintf("fork lab %q (%s)", l.Name, arm), total); err != nil {
		return nil, err
	}
	if err := s.checkDisk(fmt.Sprintf("fork lab %q (%s)", l.Name, arm), r.diskNeedMiB(l, own)); err != nil {
		return nil, err
	}
	f, err := s.newFiles(ctx, l, arm, r.Accel)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.RemoveInstance(context.WithoutCancel(ctx), f.Spec))
		}
	}()
	f.Ready = r.Key
	src := r.source(own)
	dir := generationDir(f.Spec.Dir, 0)
	if err := s.journalOf(f.Spec.ID).intend(intent{Step: "generation", Path: dir}); err != nil {
		return nil, err
	}
	if err := s.own.mkdir(dir); err != nil {
		return nil, err
	}
	specs, keys := make([]agent.MachineSpec, len(l.Machines)), make([]ssh.PublicKey, len(l.Machines))
	g, gctx := errgroup.WithContext(ctx)
	for i, m := range l.Machines {
		specs[i] = machineSpec(f.Spec, i, m)
		specs[i].NeedMiB = needs[m.Name]
		g.Go(func() (err error) {
			if keys[i], err = s.forkMachine(gctx, src, &specs[i], dir); err == nil {
				err = r.beginConsole(&specs[i])
			}
			if err != nil {
				return fmt.Errorf("cannot fork machine %q of lab %q: %w", m.Name, l.Name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	f.Spec.Machines = specs
	for i, m := range l.Machines {
		f.HostKeys[m.Name] = keys[i]
		f.Images[m.Name] = Image{SHA256: r.machine(m.Name).Image}
	}
	r.use(s.now())
	return f, f.write()
}

// beginConsole begins a fork's console log with what the machine printed until
// it was saved.
func (r *readyState) beginConsole(spec *agent.MachineSpec) error {
	text, err := os.ReadFile(r.path(spec.Name + bootSuffix))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the console of the ready state: %w", err)
	}
	if err := os.WriteFile(spec.ConsoleLog, append(text, agent.ConsoleMark...), 0o600); err != nil {
		return fmt.Errorf("cannot write console log: %w", err)
	}
	return nil
}

// needs is the memory, in MiB, that each machine of a fork is promised, and
// the sum of it.
func (r *readyState) needs(l *lab.Lab, own bool) (needs map[string]int, total int) {
	needs = map[string]int{}
	seen := r.measured()
	for _, m := range l.Machines {
		measured := seen[m.Name]
		if own || r.Memory != memoryFork { // all of its memory is its own
			measured = 0
		}
		needs[m.Name] = machineNeedMiB(m, r.Accel, measured)
		total += needs[m.Name]
	}
	return needs, total
}

// diskNeedMiB estimates what a fork will add to the store.
func (r *readyState) diskNeedMiB(l *lab.Lab, own bool) int {
	need := len(l.Machines) * overlayMiB
	if own {
		for _, m := range l.Machines {
			need += m.MemoryMiB
		}
	}
	return need
}

// source is what machines are forked from: the files of a ready state or of a
// point.
type source struct {
	dir      string
	machines []readyMachine
	own      bool // whether each fork gets its own copy of the memory
}

func (r *readyState) source(own bool) *source {
	return &source{dir: r.dir, machines: r.Machines, own: own}
}

func (src *source) machine(name string) *readyMachine {
	for i := range src.machines {
		if src.machines[i].Name == name {
			return &src.machines[i]
		}
	}
	return nil
}

// path is where a file of the source is. Files that a point shares with the
// ready state are named with their folder.
func (src *source) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(src.dir, name)
}

// forkMachine makes the files of one machine in dir and names them, and what
// it starts from, in spec.
func (s *Store) forkMachine(ctx context.Context, src *source, spec *agent.MachineSpec, dir string) (ssh.PublicKey, error) {
	m := src.machine(spec.Name)
	if m == nil {
		return nil, errors.New("the saved state does not have it")
	}
	spec.UUID, spec.Disks, spec.NVRAM, spec.RAM = m.UUID, nil, "", nil
	spec.State = filepath.Join(src.dir, m.State)
	for _, d := range m.Disks {
		if d.ReadOnly {
			spec.Disks = append(spec.Disks, agent.DiskSpec{Path: src.path(d.Path), Format: d.Format, ReadOnly: true})
			continue
		}
		to := filepath.Join(dir, d.Path)
		if err := s.copyOwn(ctx, src.path(d.Path)+emptySuffix, to); err != nil {
			return nil, err
		}
		spec.Disks = append(spec.Disks, agent.DiskSpec{Path: to, Format: "qcow2"})
	}
	if m.NVRAM != "" {
		spec.NVRAM = filepath.Join(dir, m.NVRAM)
		if err := s.copyOwn(ctx, filepath.Join(src.dir, m.NVRAM), spec.NVRAM); err != nil {
			return nil, err
		}
	}
	if m.RAM != "" {
		spec.RAM = &agent.RAMSpec{Path: filepath.Join(src.dir, m.RAM)}
		if src.own {
			spec.RAM = &agent.RAMSpec{Path: filepath.Join(dir, m.RAM), Shared: true}
			if err := s.copyOwn(ctx, filepath.Join(src.dir, m.RAM), spec.RAM.Path); err != nil {
				return nil, err
			}
		}
	}
	return m.hostKey()
}

// copyOwn copies a frozen file into one that QEMU may write.
func (s *Store) copyOwn(ctx context.Context, from, to string) error {
	if err := agent.CopyFile(ctx, from, to); err != nil {
		return fmt.Errorf("cannot copy %s: %w", filepath.Base(from), err)
	}
	return s.own.give(to, 0o600)
}
