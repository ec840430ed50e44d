package virt

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// reapInterval is how often the reaper looks when no signal came: signals of
// children that end at the same time are merged.
const reapInterval = time.Second

// startReaper makes this process the parent of the QEMU processes that libvirt
// detaches from it, and takes note of their ends. Left to process 1, that may
// take seconds, or for ever in a container, while libvirt waits for each QEMU
// it ends to vanish.
func startReaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot become the parent of machines: %w", err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		tick := time.NewTicker(reapInterval)
		for {
			reap()
			select {
			case <-ended:
			case <-tick.C:
			}
		}
	}()
	return nil
}

// reap forgets the dead children that libvirt detached.
func reap() {
	self, err := unix.Getsid(0)
	if err != nil {
		return
	}
	for _, pid := range children() {
		if state, session := status(pid); state == 'Z' && detached(pid, session, self) {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// detached reports whether a child was detached by libvirt: it is in a session
// that somebody else made. To detach, libvirt forks a child that makes a new
// session, forks again and exits; for that child, the session's leader, libvirt
// waits itself, and taking it away makes the start of a machine fail.
func detached(pid, session, self int) bool { return session != self && session != pid }

// children returns the PIDs of this process's children.
func children() []int {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	var pids []int
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // the thread ended
		}
		for _, word := range bytes.Fields(b) {
			if pid, err := strconv.Atoi(string(word)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// status returns a process's state and session from proc_pid_stat(5); zeros
// when it is gone.
func status(pid int) (state byte, session int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The name, in parentheses, may hold anything.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 4 {
		return 0, 0
	}
	session, err = strconv.Atoi(string(f[3]))
	if err != nil {
		return 0, 0
	}
	return f[0][0], session
}
