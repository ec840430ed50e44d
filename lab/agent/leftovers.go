package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// KillLeftovers ends QEMU processes of an instance whose agent is dead, and
// waits until they are gone. A process is the instance's only when its command
// line has both the UUID of one of the machines and a path below RunDir:
// other instances of the lab have machines with the same UUID.
//
// The caller makes sure that no agent serves the instance. It needs no
// libvirt, and removes no file.
func KillLeftovers(ctx context.Context, spec *Spec, log *slog.Logger) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("cannot look for left-over machines: %w", err)
	}
	var errs []error
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if m := spec.machineOf(pid); m != "" {
			log.Warn("killing left-over machine", "machine", m, "pid", pid)
			if err := spec.KillMachine(ctx, pid); err != nil {
				errs = append(errs, fmt.Errorf("cannot kill left-over machine %q (process %d): %w", m, pid, err))
			}
		}
	}
	return errors.Join(errs...)
}

// KillAgent ends the process that serves an instance, when there is one that
// does not answer, and waits until it is gone. It is known by its command line,
// which ends in the path of the instance's spec. KillLeftovers has to follow.
func KillAgent(ctx context.Context, spec *Spec) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("cannot look for the agent: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || !spec.isAgent(pid) {
			continue
		}
		if err := kill(ctx, pid, spec.isAgent); err != nil {
			return fmt.Errorf("cannot end agent %d: %w", pid, err)
		}
	}
	return nil
}

func (s *Spec) isAgent(pid int) bool {
	args := commandLine(pid)
	return len(args) >= 3 && args[len(args)-1] == s.SpecPath() && args[len(args)-2] == "agent"
}

// commandLine is the arguments of a process; nil when it ended, or is
// somebody else's.
func commandLine(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	return strings.Split(string(bytes.TrimRight(b, "\x00")), "\x00")
}

// machineOf returns whose QEMU process pid is; "" when not one of s.
func (s *Spec) machineOf(pid int) string {
	return s.machineOfArgs(commandLine(pid))
}

func (s *Spec) machineOfArgs(args []string) string {
	var uuid string
	var ours bool
	for i, a := range args {
		if a == "-uuid" && i+1 < len(args) {
			uuid = args[i+1]
		}
		ours = ours || strings.Contains(a, s.RunDir+"/")
	}
	if !ours || uuid == "" {
		return ""
	}
	for _, m := range s.Machines {
		if strings.EqualFold(m.UUID, uuid) {
			return m.Name
		}
	}
	return ""
}

// kill ends process pid when it still is what is meant, by a handle that
// cannot come to mean another process.
func kill(ctx context.Context, pid int, meant func(pid int) bool) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if !meant(pid) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return waitPidfd(ctx, fd)
}

// KillMachine sends SIGKILL to process pid when it is QEMU of a machine of s,
// and waits for its end. It is the quickest end of a machine whose disks are
// thrown away.
func (s *Spec) KillMachine(ctx context.Context, pid int) error {
	return kill(ctx, pid, func(pid int) bool { return s.machineOf(pid) != "" })
}

// pidfdPoll is how often a wait for a process looks at its context.
const pidfdPoll = 50 * time.Millisecond

// waitPidfd returns when the process of fd has ended.
func waitPidfd(ctx context.Context, fd int) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // descriptors are small
	for {
		n, err := unix.Poll(fds, int(pidfdPoll.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n > 0:
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
