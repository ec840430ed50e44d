package guest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/patchlab/patchlab/lab"
)

func writeFile(t *testing.T, name, content string, mode fs.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func checkFile(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
		return
	}
	info, err := os.Stat(name)
	if err != nil || string(b) != content || info.Mode().Perm() != mode {
		t.Errorf("%s: %d bytes, mode %v, want %d bytes, mode %v", name, len(b), info.Mode().Perm(), len(content), mode)
	}
}

// files lists all files below dir.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, strings.TrimPrefix(p, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestUploadFile(t *testing.T) {
	g, there := newServer(t).guest(nil), t.TempDir()
	content := strings.Repeat("0123456789abcdef", 100<<10)
	src := writeFile(t, filepath.Join(t.TempDir(), "it's"), content, 0o600)
	dst := filepath.Join(there, "new folder", "it's there")
	var p steps
	if err := g.Upload(t.Context(), src, dst, 0o640, &p); err != nil {
		t.Fatal(err)
	}
	checkFile(t, dst, content, 0o640)
	if n := int64(len(content)); p.bytes != [2]int64{n, n} {
		t.Errorf("progress %v, want %d of %d", p.bytes, n, n)
	}
	writeFile(t, src, "shorter", 0o600)
	if err := g.Upload(t.Context(), src, dst, 0o755, nil); err != nil {
		t.Fatal(err)
	}
	checkFile(t, dst, "shorter", 0o755)
	if got := files(t, there); len(got) != 1 {
		t.Errorf("left on the machine: %q", got)
	}
}

func TestUploadEmptyFile(t *testing.T) {
	g, dst := newServer(t).guest(nil), filepath.Join(t.TempDir(), "empty")
	if err := g.Upload(t.Context(), writeFile(t, filepath.Join(t.TempDir(), "e"), "", 0o600), dst, 0o600, nil); err != nil {
		t.Fatal(err)
	}
	checkFile(t, dst, "", 0o600)
}

func TestUploadDirectory(t *testing.T) {
	g, src, there := newServer(t).guest(nil), t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(src, "a.txt"), "a", 0o600)
	writeFile(t, filepath.Join(src, "bin", "run"), "#!/bin/sh\n", 0o700)
	writeFile(t, filepath.Join(there, "kept"), "kept", 0o600)
	if err := os.Symlink("a.txt", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(src, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := g.Upload(t.Context(), src, there, 0o640, nil); err != nil {
		t.Fatal(err)
	}
	checkFile(t, filepath.Join(there, "a.txt"), "a", 0o640)
	checkFile(t, filepath.Join(there, "link"), "a", 0o640)
	checkFile(t, filepath.Join(there, "bin", "run"), "#!/bin/sh\n", 0o750)
	checkFile(t, filepath.Join(there, "kept"), "kept", 0o600)
	if info, err := os.Stat(filepath.Join(there, "empty")); err != nil || !info.IsDir() {
		t.Errorf("the empty folder is missing: %v", err)
	}
}

func TestUploadHashMismatch(t *testing.T) {
	s := newServer(t)
	s.answer = func(_ *serverConn, _ string, ch ssh.Channel) bool { return say(ch, strings.Repeat("0", 64)+"  -") }
	there := t.TempDir()
	dst := writeFile(t, filepath.Join(there, "f"), "old", 0o600)
	src := writeFile(t, filepath.Join(t.TempDir(), "f"), "new", 0o600)
	err := s.guest(nil).Upload(t.Context(), src, dst, 0o600, nil)
	var guestErr *lab.GuestError
	sum := sha256.Sum256([]byte("new"))
	if !errors.As(err, &guestErr) || !strings.Contains(err.Error(), hex.EncodeToString(sum[:])) {
		t.Fatalf("error %v", err)
	}
	checkFile(t, dst, "old", 0o600)
	if got := files(t, there); len(got) != 1 {
		t.Errorf("left on the machine: %q", got)
	}
}

func TestUploadErrors(t *testing.T) {
	g, there := newServer(t).guest(nil), t.TempDir()
	file := writeFile(t, filepath.Join(t.TempDir(), "f"), "x", 0o600)
	folder := filepath.Join(there, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, src, dst string
		host           bool
		want           string
	}{
		{"missing source", filepath.Join(there, "none"), filepath.Join(there, "x"), true, "no such file"},
		{"a device", "/dev/null", filepath.Join(there, "x"), true, "neither a file nor a directory"},
		{"below a file", file, file + "/x", false, "make folder"},
		{"over a folder", file, folder, false, "put " + folder + " in its place"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := g.Upload(t.Context(), c.src, c.dst, 0o600, nil)
			var host *lab.HostError
			var machine *lab.GuestError
			if errors.As(err, &host) != c.host || errors.As(err, &machine) == c.host {
				t.Errorf("error of the wrong side: %v", err)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if got := files(t, there); len(got) != 0 {
		t.Errorf("left on the machine: %q", got)
	}
	if err := g.Upload(t.Context(), file, "relative", 0o600, nil); err == nil {
		t.Error("a relative destination was accepted")
	}
}

// cancelling cancels when the first bytes are under way.
type cancelling struct {
	steps
	cancel context.CancelFunc
}

func (c *cancelling) Bytes(int64, int64) { c.cancel() }

func TestUploadCancelled(t *testing.T) {
	s := newServer(t)
	g, there := s.guest(nil), t.TempDir()
	src := writeFile(t, filepath.Join(t.TempDir(), "f"), strings.Repeat("x", 4<<20), 0o600)
	ctx, cancel := context.WithCancel(t.Context())
	err := g.Upload(ctx, src, filepath.Join(there, "f"), 0o600, &cancelling{cancel: cancel})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	if got := files(t, there); len(got) != 0 {
		t.Errorf("left on the machine: %q", got)
	}
}

// cutting cuts the connection when the first bytes are under way.
type cutting struct {
	steps
	s *server
}

func (c *cutting) Bytes(int64, int64) { c.s.hangUp() }

func TestUploadConnectionLost(t *testing.T) {
	s := newServer(t)
	src := writeFile(t, filepath.Join(t.TempDir(), "f"), strings.Repeat("x", 4<<20), 0o600)
	err := s.guest(nil).Upload(t.Context(), src, filepath.Join(t.TempDir(), "f"), 0o600, &cutting{s: s})
	var machine *lab.GuestError
	if !errors.Is(err, ErrConnectionLost) || !errors.As(err, &machine) {
		t.Errorf("error %v", err)
	}
}
