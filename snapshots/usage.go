package snapshots

import (
	"context"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
)

// InstanceUsage is an instance, what it is doing and what it takes of this
// host.
type InstanceUsage struct {
	ID         string                `json:"id"`
	Lab        string                `json:"lab"`
	Dir        string                `json:"dir"` // of the definition
	Arm        string                `json:"arm"`
	AgentPID   int                   `json:"pid"` // 0 when it does not answer
	Accel      string                `json:"accel"`
	Created    time.Time             `json:"created"`
	Started    time.Time             `json:"started,omitzero"` // of the agent
	State      string                `json:"state"`            // "running", or why not
	PrivateMiB int                   `json:"private_mib"`      // memory that ends with the instance
	SharedMiB  int                   `json:"shared_mib"`       // memory that it shares with others, such as the ready state's
	DiskMiB    int                   `json:"disk_mib"`         // that its folder occupies
	Machines   []agent.MachineStatus `json:"machines"`         // empty when the agent does not answer
}

// usageLimit is how long an agent may take to say what it is doing.
const usageLimit = 10 * time.Second

// Usage lists the instances of all labs, oldest first, with what they take of
// this host. An agent that does not answer is told in State.
func (s *Store) Usage(ctx context.Context) ([]InstanceUsage, error) {
	instances, err := s.Instances(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]InstanceUsage, len(instances))
	var wg sync.WaitGroup
	for i, f := range instances {
		wg.Go(func() { list[i] = usageOf(ctx, f) })
	}
	wg.Wait()
	return list, ctx.Err()
}

// usageOf asks an instance's agent what it is doing, and the host what that
// takes.
func usageOf(ctx context.Context, f *InstanceFiles) InstanceUsage {
	spec := f.Spec
	u := InstanceUsage{
		ID: spec.ID, Lab: spec.Lab, Dir: spec.LabDir, Arm: spec.Arm, Accel: spec.Accel,
		Created: f.Created, State: "running", Machines: []agent.MachineStatus{},
		DiskMiB: int(allocatedBytes(spec.Dir) >> 20),
	}
	ctx, cancel := context.WithTimeout(ctx, usageLimit)
	defer cancel()
	st, err := agent.NewClient(spec.SocketPath()).Usage(ctx)
	if err != nil {
		u.State = "its agent does not answer: patchlab down " + spec.ID
		u.PrivateMiB = spec.PrivateMiB() // its machines may run on
		return u
	}
	u.AgentPID, u.Started, u.Machines = st.PID, st.Started, st.Machines
	for _, m := range st.Machines {
		u.PrivateMiB += m.Memory.PrivateMiB
		u.SharedMiB += m.Memory.SharedMiB
	}
	return u
}

// Bytes is the disk that all that is kept occupies.
func (s *Store) Bytes() int64 { return allocatedBytes(s.home) }

// Allocated is the disk that a file, or a folder with all that is in it,
// occupies, in bytes.
func Allocated(path string) int64 { return allocatedBytes(path) }

// allocatedBytes is what a file, or a folder with all that is in it, occupies
// on the disk: holes take nothing, a file with two names counts once. What
// cannot be looked at, or goes away meanwhile, is left out.
func allocatedBytes(path string) int64 {
	type inode struct{ dev, ino uint64 }
	seen := map[inode]bool{}
	var total int64
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it went away, or is not ours
		}
		info, err := e.Info()
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		if id := (inode{st.Dev, st.Ino}); !seen[id] {
			seen[id] = true
			total += st.Blocks * 512 // whatever the file system's block is
		}
		return nil
	})
	return total
}
