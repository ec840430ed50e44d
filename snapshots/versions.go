package snapshots

import (
	"context"
	"os"
	"strings"

	"github.com/patchlab/patchlab/lab"
)

const (
	osRelease  = "/proc/sys/kernel/osrelease"
	maxVersion = 120 // bytes
)

// Versions says what a run is made with on this host, for its record: QEMU as
// it names itself ("7.2.22 (Debian 1:7.2+dfsg-7)"), and the kernel's release.
// What cannot be told is empty: whoever needs it will say why. QEMU is started
// only when the program is another than the one that was asked last.
//
// The version of libvirt is virt.LibraryVersion: no other package may ask it.
func (e *Engine) Versions(ctx context.Context) (qemu, kernel string) {
	if info, err := e.Store.probeQEMU(ctx); err == nil {
		qemu = lab.Printable(info.Version, maxVersion)
	}
	return qemu, kernelRelease(osRelease)
}

func kernelRelease(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return lab.Printable(strings.TrimSpace(string(b)), maxVersion)
}
