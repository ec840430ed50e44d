package snapshots

import (
	"os"
	"path/filepath"
	"testing"
)

func TestVersions(t *testing.T) {
	fakeQEMU(t)
	s, f := probeStore(t)
	f.version = `{"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian\u001b[31m 1:7.2"}`
	e := &Engine{Store: s}
	for range 2 {
		qemu, kernel := e.Versions(t.Context())
		if want := "7.2.22 (Debian 1:7.2)"; qemu != want || kernel == "" {
			t.Errorf("QEMU %q, want %q; kernel %q", qemu, want, kernel)
		}
	}
	if f.starts != 1 {
		t.Errorf("QEMU was started %d times", f.starts)
	}
}

// What cannot be told is no error here.
func TestVersionsWithoutQEMU(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s, f := probeStore(t)
	if qemu, _ := (&Engine{Store: s}).Versions(t.Context()); qemu != "" || f.starts != 0 {
		t.Errorf("QEMU %q", qemu)
	}
}

func TestKernelRelease(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "osrelease")
	if got := kernelRelease(path); got != "" {
		t.Errorf("of no file: %q", got)
	}
	if err := os.WriteFile(path, []byte("6.1.0-50-cloud-amd64\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := kernelRelease(path); got != "6.1.0-50-cloud-amd64" {
		t.Errorf("%q", got)
	}
}
