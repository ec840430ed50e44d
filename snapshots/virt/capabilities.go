package virt

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab/agent"
)

// libvirt asks each QEMU binary what it can do, which takes seconds, and
// remembers it below its root. Roots are thrown away, so the answers are kept
// for the next instance; libvirt itself sees whether they are still true.

func savedCapabilities(spec *agent.Spec) string {
	return filepath.Join(spec.CacheDir, "capabilities")
}

func rootCapabilities(spec *agent.Spec) string {
	return filepath.Join(spec.VirtRoot(), "cache", "qemu", "capabilities")
}

func restoreCapabilities(spec *agent.Spec) error {
	return copyXML(savedCapabilities(spec), rootCapabilities(spec))
}

func saveCapabilities(spec *agent.Spec) error {
	return copyXML(rootCapabilities(spec), savedCapabilities(spec))
}

// copyXML copies the *.xml files of src that dst does not have with the same
// content. A reader of dst never sees half a file.
func copyXML(src, dst string) error {
	files, err := filepath.Glob(filepath.Join(src, "*.xml"))
	if err != nil || len(files) == 0 {
		return err
	}
	if err := os.MkdirAll(dst, 0o700); err != nil {
		return err
	}
	var errs []error
	for _, f := range files {
		errs = append(errs, copyWhenDifferent(f, filepath.Join(dst, filepath.Base(f))))
	}
	return errors.Join(errs...)
}

func copyWhenDifferent(src, dst string) error {
	b, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(dst); err == nil && bytes.Equal(old, b) {
		return nil
	}
	return renameio.WriteFile(dst, b, 0o600)
}
