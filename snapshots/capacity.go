package snapshots

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

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

// CheckHost reports whether the host can hold another instance of l now, whose
// machines boot: a *lab.BusyError when the memory is taken, a *lab.HostError
// when it can never fit or the disk is full. It has no effect.
func (s *Store) CheckHost(l *lab.Lab) error {
	need, err := s.InstanceMiB(l)
	if err != nil {
		return err
	}
	op := fmt.Sprintf("start %d machines of lab %q", len(l.Machines), l.Name)
	if err := s.checkMemory(op, need); err != nil {
		return err
	}
	return s.checkDisk(op, s.diskNeedMiB(l))
}

// InstanceMiB is the most memory that an instance of l may take.
func (s *Store) InstanceMiB(l *lab.Lab) (int, error) {
	accel, err := s.accel()
	if err != nil {
		return 0, err
	}
	need := 0
	for _, m := range l.Machines {
		need += machineNeedMiB(m, accel, 0)
	}
	return need, nil
}

// FreeMiB is the memory that instances may be promised now.
func (s *Store) FreeMiB() (int, error) {
	mem, err := s.mem()
	if err != nil {
		return 0, err
	}
	budget, err := budgetMiB(os.Getenv)
	if err != nil {
		return 0, err
	}
	promised, taken, _ := s.promisedMiB()
	if budget > 0 {
		mem.AvailableMiB = min(mem.AvailableMiB, budget-taken)
	}
	return max(0, mem.AvailableMiB-promised), nil
}

// machineNeedMiB is the memory that m is promised, QEMU's own included.
// MeasuredMiB is what earlier forks of the same ready state came to have for
// themselves alone, at most; 0 when there was none: then it is all that m may
// ever take.
func machineNeedMiB(m *lab.Machine, accel string, measuredMiB int) int {
	all := m.MemoryMiB + beyondMiB(accel)
	if measuredMiB <= 0 {
		return all
	}
	return min(all, measuredMiB*5/4+64) // another patch may touch more
}

// checkMemory reports whether needMiB of memory can be promised for op: a
// *lab.BusyError that names who holds what when it is taken, a *lab.HostError
// when it can never fit. The caller holds a lock from before the check until
// the promise is written down in a Spec.
func (s *Store) checkMemory(op string, needMiB int) error {
	mem, err := s.mem()
	if err != nil {
		return err
	}
	budget, err := budgetMiB(os.Getenv)
	if err != nil {
		return err
	}
	total := mem.TotalMiB
	if budget > 0 {
		total = min(total, budget)
	}
	if needMiB > total {
		return &lab.HostError{
			Op:   op,
			Err:  fmt.Errorf("%d MiB of memory are needed, this host has %d MiB for it", needMiB, total),
			Hint: "lower the machines' memory in the definition",
		}
	}
	promised, taken, holders := s.promisedMiB()
	if budget > 0 {
		mem.AvailableMiB = min(mem.AvailableMiB, budget-taken)
	}
	if needMiB > mem.AvailableMiB-promised {
		return &lab.BusyError{
			What: fmt.Sprintf("memory (%d MiB needed to %s, %d MiB available of which %d MiB are promised)",
				needMiB, op, mem.AvailableMiB, promised),
			Holder: holders,
		}
	}
	return nil
}

// budgetMiB is the most memory that instances may be promised on this host
// together, as PATCHLAB_BUDGET says ("16GiB", "800MiB"): 0 when nothing is
// said.
func budgetMiB(env func(string) string) (int, error) {
	text := env("PATCHLAB_BUDGET")
	if text == "" {
		return 0, nil
	}
	for unit, mib := range map[string]int{"MiB": 1, "GiB": 1024} {
		number, ok := strings.CutSuffix(text, unit)
		if n, err := strconv.Atoi(number); ok && err == nil && n > 0 && n < 1<<30 {
			return n * mib, nil
		}
	}
	return 0, &lab.UsageError{Err: fmt.Errorf("cannot use PATCHLAB_BUDGET=%q: want memory such as 800MiB or 16GiB", text)}
}

// promisedMiB is the memory that instances of this store have been promised
// and do not occupy yet: a machine takes its memory as it runs. Taken is what
// they do occupy. Holders names them and what each holds, for a message.
func (s *Store) promisedMiB() (open, taken int, holders string) {
	holders = "other programs"
	dirs, err := s.instanceDirs()
	if err != nil {
		return 0, 0, holders
	}
	var names []string
	for _, dir := range dirs {
		spec, err := agent.ReadSpec(filepath.Join(dir, specFile))
		if err != nil || !s.alive(filepath.Base(dir)) {
			continue
		}
		promised, private := promiseMiB(spec), spec.AnonMiB()
		open += max(0, promised-private)
		taken += private
		names = append(names, fmt.Sprintf("instance %s of lab %q (%s, %s)", spec.ID, spec.Lab, armText(spec.Arm), sizeText(max(promised, private))))
	}
	if len(names) > 0 {
		holders = strings.Join(names, ", ") + " and other programs"
	}
	return open, taken, holders
}

// promiseMiB is the memory that an instance has been promised.
func promiseMiB(spec *agent.Spec) int {
	sum := 0
	for _, m := range spec.Machines {
		need := m.NeedMiB
		if need == 0 { // made by an older patchlab
			need = m.MemoryMiB + beyondMiB(spec.Accel)
		}
		sum += need
	}
	return sum
}

// armText says what an instance is for.
func armText(arm string) string {
	switch lab.Arm(arm) {
	case lab.ArmUp:
		return "up"
	case lab.ArmReady:
		return "making the ready state"
	}
	return arm + " arm"
}

func sizeText(mib int) string {
	if mib < 1024 {
		return fmt.Sprintf("%d MiB", mib)
	}
	return fmt.Sprintf("%.1f GiB", float64(mib)/1024)
}

// waitEvery is how often what is waited for is tried again.
const waitEvery = time.Second

// waitFor makes check until it gives something else than a *lab.BusyError, and
// returns that. When limit is over it returns the last *lab.BusyError, which
// then says so; a limit of 0 does not wait. When ctx ends it returns ctx's
// error.
func (s *Store) waitFor(ctx context.Context, limit time.Duration, p lab.Progress, check func() error) error {
	p = lab.Quiet(p)
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	var shown time.Time
	for start := time.Now(); ; {
		err := check()
		var busy *lab.BusyError
		if !errors.As(err, &busy) {
			return err
		}
		waited := time.Since(start)
		if limit <= 0 {
			return err
		}
		if waited >= limit {
			return &lab.BusyError{What: busy.What, Holder: fmt.Sprintf("%s, after waiting %s", busy.Holder, limit)}
		}
		if shown.IsZero() || time.Since(shown) >= tickEvery {
			shown = time.Now()
			what, _, _ := strings.Cut(busy.What, " ") // "memory" or "disk"
			p.Step(fmt.Sprintf("waiting for %s: held by %s (%d s)", what, busy.Holder, int(waited.Seconds())))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// beyondMiB is what a machine takes beyond its own memory.
func beyondMiB(accel string) int {
	if accel == agent.AccelTCG {
		return overheadMiB + translationMiB
	}
	return overheadMiB
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
