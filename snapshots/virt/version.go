package virt

import (
	"fmt"

	"libvirt.org/go/libvirt"
)

// LibraryVersion is the version of the libvirt library in this process, such
// as "9.0.0"; empty when it does not tell. It opens no connection and starts
// nothing. A process that becomes an agent must not call it: libvirt decides
// where its log goes at its first call (see captureLog).
func LibraryVersion() string {
	v, err := libvirt.GetVersion()
	if err != nil {
		return ""
	}
	return versionText(v)
}

// versionText reads libvirt's way of writing a version: 1,000,000 times the
// major, 1,000 times the minor number, and the release.
func versionText(v uint32) string {
	return fmt.Sprintf("%d.%d.%d", v/1_000_000, v/1_000%1_000, v%1_000)
}
