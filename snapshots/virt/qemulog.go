package virt

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchlab/patchlab/lab/agent"
)

const (
	maxQEMULog   = 16 << 10 // bytes that are looked at
	maxQEMULines = 5
)

// qemuLogPath is where QEMU and libvirt write about a machine.
func qemuLogPath(spec *agent.Spec, name string) string {
	return filepath.Join(spec.VirtRoot(), "log", "qemu", name+".log")
}

func (h *hypervisor) qemuLogSize(name string) int64 {
	info, err := os.Stat(qemuLogPath(h.spec, name))
	if err != nil {
		return 0
	}
	return info.Size()
}

// qemuSaid is what QEMU itself has logged about a machine behind offset from,
// to stand before an error; empty when there is nothing.
func (h *hypervisor) qemuSaid(name string, from int64) string {
	f, err := os.Open(qemuLogPath(h.spec, name))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, from, maxQEMULog))
	if err != nil {
		return ""
	}
	return quoteErrors(string(b))
}

// quoteErrors picks QEMU's own errors out of its log: "DATE qemu-NAME: TEXT".
func quoteErrors(log string) string {
	var said []string
	for line := range strings.Lines(log) {
		program, text, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || !strings.Contains(program, " qemu-") || strings.Contains(text, "warning: ") {
			continue
		}
		if said = append(said, fmt.Sprintf("%.300q", text)); len(said) == maxQEMULines {
			break
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "QEMU said " + strings.Join(said, ", ") + ": "
}
