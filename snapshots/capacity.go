package snapshots

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// What a machine costs beyond its own memory, and what its overlay grows to
// in a usual run. Both are estimates, on the safe side.
const (
	overheadMiB = 96
	// translationMiB is QEMU's cache of translated code under emulation, as
	// snapshots/virt sets it.
	translationMiB = 256
	overlayMiB     = 512
	buildMiB       = 3072 // the packages, the tree and two copies of the disk
)

// memory is the host's, in MiB.
type memory struct {
	TotalMiB, AvailableMiB int
}

// CheckHost reports whether the host can hold another instance of l now: a
// *lab.BusyError when the memory is taken, a *lab.HostError when it can never
// fit or the disk is full. It has no effect.
func (s *Store) CheckHost(l *lab.Lab) error {
	accel, err := s.accel()
	if err != nil {
		return err
	}
	need := 0
	for _, m := range l.Machines {
		need += m.MemoryMiB + beyondMiB(accel)
	}
	mem, err := s.mem()
	if err != nil {
		return err
	}
	op := fmt.Sprintf("start %d machines of lab %q", len(l.Machines), l.Name)
	if need > mem.TotalMiB {
		return &lab.HostError{
			Op:   op,
			Err:  fmt.Errorf("they need %d MiB of memory, this host has %d MiB", need, mem.TotalMiB),
			Hint: "lower their memory in the definition",
		}
	}
	promised, holders := s.promisedMiB()
	if need > mem.AvailableMiB-promised {
		return &lab.BusyError{
			What: fmt.Sprintf("memory (%d MiB needed for lab %q, %d MiB available of which %d MiB are promised)",
				need, l.Name, mem.AvailableMiB, promised),
			Holder: holders,
		}
	}
	return s.checkDisk(op, s.diskNeedMiB(l))
}

// promisedMiB is the memory that instances of this store have been promised
// and do not occupy yet: a machine takes its memory as it boots. Holders names
// them for a message.
func (s *Store) promisedMiB() (total int, holders string) {
	holders = "other programs"
	dirs, err := s.instanceDirs()
	if err != nil {
		return 0, holders
	}
	var names []string
	for _, dir := range dirs {
		spec, err := agent.ReadSpec(filepath.Join(dir, specFile))
		if err != nil || !Alive(dir) {
			continue
		}
		promised := 0
		for _, m := range spec.Machines {
			promised += m.MemoryMiB + beyondMiB(spec.Accel)
		}
		total += max(0, promised-spec.ResidentMiB())
		names = append(names, fmt.Sprintf("instance %s of lab %q", spec.ID, spec.Lab))
	}
	if len(names) > 0 {
		holders = strings.Join(names, ", ") + " and other programs"
	}
	return total, holders
}

// beyondMiB is what a machine takes beyond its own memory.
func beyondMiB(accel string) int {
	if accel == agent.AccelTCG {
		return overheadMiB + translationMiB
	}
	return overheadMiB
}

// diskNeedMiB estimates what an instance of l will add to the store.
func (s *Store) diskNeedMiB(l *lab.Lab) int {
	need := len(l.Machines) * overlayMiB
	for _, img := range l.Images {
		if img.Build == nil {
			continue
		}
		if _, have, err := s.byRecipe(recipeKey(img.Build)); err == nil && !have {
			need += buildMiB
		}
	}
	return need
}

func (s *Store) checkDisk(op string, needMiB int) error {
	free, err := s.free(s.home)
	if err != nil {
		return err
	}
	if freeMiB := int(free >> 20); needMiB > freeMiB {
		return &lab.HostError{
			Op:   op,
			Err:  fmt.Errorf("%d MiB of disk are needed below %s, %d MiB are free", needMiB, s.home, freeMiB),
			Hint: "patchlab image list shows what is stored; PATCHLAB_HOME moves it",
		}
	}
	return nil
}

// freeBytes is what this user can still write below path.
func freeBytes(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("cannot look at the disk of %s: %w", path, err)
	}
	return st.Bavail * uint64(st.Bsize), nil //nolint:gosec // never negative
}

// hostMemory is what the kernel says that programs can have without swapping.
func hostMemory() (memory, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return memory{}, fmt.Errorf("cannot look at the memory: %w", err)
	}
	return parseMeminfo(b)
}

func parseMeminfo(b []byte) (memory, error) {
	var m memory
	for l := range bytes.Lines(b) {
		name, value, _ := strings.Cut(string(l), ":")
		kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		if err != nil {
			continue
		}
		switch name {
		case "MemTotal":
			m.TotalMiB = kib / 1024
		case "MemAvailable":
			m.AvailableMiB = kib / 1024
		}
	}
	if m.TotalMiB == 0 || m.AvailableMiB == 0 {
		return memory{}, errors.New("cannot look at the memory: /proc/meminfo does not tell it")
	}
	return m, nil
}
