package agent

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const mib = 1 << 20

// sparse makes a file with data at some offsets, and holes.
func sparse(t *testing.T, size int64, data map[int64][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	ok(t, err)
	for at, b := range data {
		_, err := f.WriteAt(b, at)
		ok(t, err)
	}
	ok(t, f.Truncate(size))
	ok(t, f.Close())
	return path
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func onDisk(t *testing.T, path string) int64 {
	t.Helper()
	f, err := os.Open(path)
	ok(t, err)
	defer func() { _ = f.Close() }()
	n, err := allocated(f)
	ok(t, err)
	return n
}

func noise(n int) []byte { return bytes.Repeat([]byte("patchlab"), n/8+1)[:n] }

func sameContent(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	ok(t, err)
	y, err := os.ReadFile(b)
	ok(t, err)
	if !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ (%d and %d bytes)", a, b, len(x), len(y))
	}
}

func TestCopyFile(t *testing.T) {
	for name, data := range map[string]map[int64][]byte{
		"empty":       {},
		"islands":     {3 * mib: noise(2 * mib), 12 * mib: noise(5000)},
		"starts full": {0: noise(mib + 1)},
		"ends full":   {16*mib - 7: noise(20)}, // its size is no multiple of anything
	} {
		t.Run(name, func(t *testing.T) {
			src := sparse(t, 16*mib+5, data)
			ok(t, os.Chmod(src, 0o640))
			dst := filepath.Join(t.TempDir(), "copy")
			ok(t, CopyFile(t.Context(), src, dst))
			sameContent(t, src, dst)
			if got, limit := onDisk(t, dst), onDisk(t, src)+256<<10; got > limit {
				t.Errorf("the copy takes %d bytes on the disk, want at most %d", got, limit)
			}
			info, err := os.Stat(dst)
			ok(t, err)
			if info.Mode() != 0o640 {
				t.Errorf("mode %v", info.Mode())
			}
		})
	}
}

func TestCopyFileKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	src := sparse(t, 10, nil)
	ok(t, os.Chown(src, 4321, 1234))
	dst := filepath.Join(t.TempDir(), "copy")
	ok(t, CopyFile(t.Context(), src, dst))
	var st unix.Stat_t
	ok(t, unix.Stat(dst, &st))
	if st.Uid != 4321 || st.Gid != 1234 {
		t.Errorf("owner %d:%d", st.Uid, st.Gid)
	}
}

func TestCopyFileRefuses(t *testing.T) {
	dir := t.TempDir()
	src, taken := sparse(t, mib, nil), filepath.Join(dir, "taken")
	ok(t, os.WriteFile(taken, []byte("mine"), 0o600))
	link, fifo := filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	ok(t, os.Symlink(src, link))
	ok(t, unix.Mkfifo(fifo, 0o600))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name     string
		ctx      context.Context
		src, dst string
		want     error
	}{
		{"taken", t.Context(), src, taken, fs.ErrExist},
		{"dangling link in the way", t.Context(), src, link, fs.ErrExist},
		{"no source", t.Context(), filepath.Join(dir, "none"), filepath.Join(dir, "new"), fs.ErrNotExist},
		{"no folder", t.Context(), src, filepath.Join(dir, "none", "new"), fs.ErrNotExist},
		{"link", t.Context(), link, filepath.Join(dir, "new"), unix.ELOOP},
		{"pipe", t.Context(), fifo, filepath.Join(dir, "new"), nil},
		{"folder", t.Context(), dir, filepath.Join(dir, "new"), nil},
		{"ended context", ended, src, filepath.Join(dir, "new"), context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CopyFile(c.ctx, c.src, c.dst)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	if _, err := os.Lstat(filepath.Join(dir, "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
	if b, err := os.ReadFile(taken); string(b) != "mine" {
		t.Errorf("the file that was there: %q, %v", b, err)
	}
}

// endsAfter is a context that ends when it has been looked at a few times.
type endsAfter struct {
	context.Context
	looks int
}

func (c *endsAfter) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

// TestCopySparseStops ends the context in the middle of the data.
func TestCopySparseStops(t *testing.T) {
	src, err := os.Open(sparse(t, 3*copyChunk, map[int64][]byte{0: noise(3 * copyChunk)}))
	ok(t, err)
	defer func() { _ = src.Close() }()
	dst, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	ok(t, err)
	defer func() { _ = dst.Close() }()
	if err := copySparse(&endsAfter{t.Context(), 2}, dst, src, 3*copyChunk); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	// The kernel may copy less than it is asked for.
	if n, err := allocated(dst); err != nil || n == 0 || n >= 3*copyChunk {
		t.Errorf("%d bytes were copied: %v", n, err)
	}
}

// TestCopyBytes is about systems whose kernel does not copy.
func TestCopyBytes(t *testing.T) {
	path := sparse(t, 3*mib, map[int64][]byte{0: noise(3 * mib)})
	src, err := os.Open(path)
	ok(t, err)
	defer func() { _ = src.Close() }()
	dst, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	ok(t, err)
	defer func() { _ = dst.Close() }()
	for at := int64(0); at < 3*mib; at += mib {
		n, err := copyBytes(dst, src, at, mib)
		if n != mib || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	sameContent(t, path, dst.Name())
	if _, err := copyBytes(dst, src, 2*mib, 2*mib); err == nil {
		t.Error("a source that ends early is no error")
	}
}
