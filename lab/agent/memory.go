package agent

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MemoryUse is the memory that a process occupies on this host now, as the
// kernel accounts for it. What was swapped out is in none of the numbers.
//
// The kernel counts how many processes have a page in their memory, whatever
// the kind of mapping: a page of a shared RAM file that one QEMU alone has
// mapped is private, dirty or not. So is, in a fork, a page of the frozen RAM
// file that it has read and no other fork has: that one is clean, and given
// back when the host needs it. As soon as a second fork reads the page it is
// shared in both, while the pages that a fork has changed stay private.
type MemoryUse struct {
	PrivateMiB int `json:"private_mib"` // pages of this process alone
	SharedMiB  int `json:"shared_mib"`  // pages that others have mapped too
	PSSMiB     int `json:"pss_mib"`     // private, and its part of what is shared
	// AnonMiB is what belongs to no file: what QEMU needs itself, and the pages
	// of a fork's memory that it has changed. Nothing gives it back; pages of
	// files, a shared RAM file's too, still count as available on the host.
	AnonMiB int `json:"anon_mib"`
}

// ProcessMemory reads what a process of this user occupies, from
// /proc/PID/smaps_rollup. The kernel walks all of its page tables for it.
func ProcessMemory(pid int) (MemoryUse, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return MemoryUse{}, fmt.Errorf("cannot ask for the memory of process %d: %w", pid, err)
	}
	use, ok := parseRollup(b)
	if !ok {
		return MemoryUse{}, fmt.Errorf("cannot ask for the memory of process %d: it has ended", pid)
	}
	return use, nil
}

// parseRollup reads lines such as "Private_Dirty:   1024 kB".
func parseRollup(b []byte) (use MemoryUse, ok bool) {
	kib := map[string]int{}
	for scan := bufio.NewScanner(bytes.NewReader(b)); scan.Scan(); {
		fields := strings.Fields(scan.Text())
		if len(fields) == 3 && fields[2] == "kB" {
			if n, err := strconv.Atoi(fields[1]); err == nil {
				kib[strings.TrimSuffix(fields[0], ":")] = n
			}
		}
	}
	_, ok = kib["Pss"]
	mib := func(n int) int { return (n + 512) >> 10 }
	return MemoryUse{
		PrivateMiB: mib(kib["Private_Clean"] + kib["Private_Dirty"] + kib["Private_Hugetlb"]),
		SharedMiB:  mib(kib["Shared_Clean"] + kib["Shared_Dirty"] + kib["Shared_Hugetlb"]),
		PSSMiB:     mib(kib["Pss"] + kib["Private_Hugetlb"]),
		AnonMiB:    mib(kib["Anonymous"]),
	}, ok
}

// PrivateMiB is the memory that the instance's machines occupy on this host
// now and share with nobody: see MemoryUse.
func (s *Spec) PrivateMiB() int {
	return s.memory(func(use MemoryUse) int { return use.PrivateMiB })
}

// AnonMiB is the memory that the instance's machines have taken on this host,
// and that only their end gives back: see MemoryUse. A process whose pages
// this user may not look at counts with all that it occupies.
func (s *Spec) AnonMiB() int {
	return s.memory(func(use MemoryUse) int { return use.AnonMiB })
}

// memory sums a part of what the machines occupy.
func (s *Spec) memory(part func(MemoryUse) int) int {
	return s.eachProcess(func(pid int) int {
		use, err := ProcessMemory(pid)
		if err != nil {
			return residentMiB(pid)
		}
		return part(use)
	})
}

// eachProcess sums f over the QEMU processes of the instance.
func (s *Spec) eachProcess(f func(pid int) int) int {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	sum := 0
	for _, d := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(d)); err == nil && s.machineOf(pid) != "" {
			sum += f(pid)
		}
	}
	return sum
}

// residentMiB is what a process occupies; 0 when it has ended.
func residentMiB(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int
	_, _ = fmt.Sscan(string(b), &size, &resident) // the kernel's own format
	return resident * os.Getpagesize() >> 20
}
