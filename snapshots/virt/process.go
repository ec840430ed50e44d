package virt

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"libvirt.org/go/libvirt"
)

// libvirt has one log and one event loop for the whole process. Both start
// with Open and end with the process: libvirt cannot stop them.
var (
	startOnce  = sync.OnceValue(startLibvirt)
	currentLog atomic.Pointer[slog.Logger]
	opened     atomic.Bool
)

func startLibvirt() error {
	// libvirt takes the capabilities it has learnt of QEMU for outdated when
	// it loads a newer module of its own, and asks QEMU again, which takes a
	// second. It loads this one, where it is installed, in the middle of the
	// first machine's start; disks that are files do without.
	if err := os.Setenv("LIBVIRT_STORAGE_FILE_DIR", "/nonexistent"); err != nil {
		return err
	}
	if err := captureLog(); err != nil {
		return fmt.Errorf("cannot capture libvirt's log: %w", err)
	}
	if err := startReaper(); err != nil {
		return err
	}
	if err := libvirt.EventRegisterDefaultImpl(); err != nil {
		return fmt.Errorf("cannot start libvirt's event loop: %w", err)
	}
	go func() {
		for {
			if err := libvirt.EventRunDefaultImpl(); err != nil {
				currentLog.Load().Error("libvirt's event loop failed", "error", err)
				return
			}
		}
	}()
	return nil
}

// captureLog makes libvirt write its warnings into a pipe that ends in
// currentLog; its default is this process's stderr. libvirt reads the
// variable when it is initialised, and opens the pipe by its path.
func captureLog() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	const name = "LIBVIRT_LOG_OUTPUTS"
	if err := os.Setenv(name, fmt.Sprintf("3:file:/proc/self/fd/%d", w.Fd())); err != nil {
		return err
	}
	defer func() {
		_ = os.Unsetenv(name)
		_ = w.Close() // libvirt has its own by now
	}()
	go readLog(r)
	_, err = libvirt.GetVersion() // initialises it
	return err
}

// readLog passes libvirt's log on. It must never stop reading: libvirt would
// wait for it.
func readLog(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, _, err := lines.ReadLine() // a line too long comes in pieces
		if err != nil {
			return
		}
		if len(line) > 0 {
			level, text := parseLog(string(line))
			currentLog.Load().Log(context.Background(), level, text, "from", "libvirt")
		}
	}
}

// harmless is what libvirt complains of at every start, as it is configured
// here.
var harmless = []string{
	"No access manager registered",
	"Unable to open /dev/kvm",
	"is tainted: custom-argv",
	"is tainted: custom-monitor",
	"/usr/sbin/dmidecode",
	"At least one cgroup controller is required",
	"NIC_RX_FILTER_CHANGED", // it does not know our network cards
}

// parseLog splits a line of libvirt's log, "DATE: THREAD: LEVEL : TEXT".
func parseLog(line string) (slog.Level, string) {
	for _, text := range harmless {
		if strings.Contains(line, text) {
			return slog.LevelDebug, line
		}
	}
	for mark, level := range map[string]slog.Level{": error : ": slog.LevelError, ": warning : ": slog.LevelWarn} {
		if _, text, ok := strings.Cut(line, mark); ok {
			return level, text
		}
	}
	return slog.LevelDebug, line
}
