package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestDigHoles(t *testing.T) {
	const k = 1 << 10
	for _, c := range []struct {
		name  string
		data  map[int64][]byte
		freed int64 // at least, in bytes
		kept  int64 // at least, in bytes
	}{
		{"nothing", nil, 0, 0},
		{"zeros", map[int64][]byte{0: make([]byte, 8*mib)}, 8 * mib, 0},
		{"no zeros", map[int64][]byte{0: noise(8 * mib)}, 0, 8 * mib},
		{"zeros in data", map[int64][]byte{0: noise(mib), mib: make([]byte, mib), 2 * mib: noise(mib)}, mib, 2 * mib},
		{"one block", map[int64][]byte{0: noise(4 * k), 4 * k: make([]byte, 4*k), 8 * k: noise(4 * k)}, 4 * k, 8 * k},
		{"across reads", map[int64][]byte{0: noise(mib - 4*k), mib - 4*k: make([]byte, 8*k), mib + 4*k: noise(4 * k)}, 8 * k, mib},
		{"less than a block", map[int64][]byte{0: append(noise(4*k), make([]byte, 4*k-1)...), 8*k - 1: []byte("x")}, 0, 8 * k},
		{"at the end", map[int64][]byte{0: noise(4 * k), 12*mib - 3*mib: make([]byte, 3*mib+5)}, 3 * mib, 4 * k},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := sparse(t, 12*mib+5, c.data)
			want := filepath.Join(t.TempDir(), "before")
			ok(t, CopyFile(t.Context(), path, want))
			before := onDisk(t, path)
			freed, err := DigHoles(t.Context(), path)
			ok(t, err)
			sameContent(t, path, want)
			after := onDisk(t, path)
			if freed != before-after || freed < c.freed || after < c.kept {
				t.Errorf("%d freed, %d kept of %d; want at least %d and %d", freed, after, before, c.freed, c.kept)
			}
			if c.freed == 0 && freed != 0 {
				t.Errorf("%d bytes freed of what is in use", freed)
			}
			if again, err := DigHoles(t.Context(), path); again != 0 || err != nil {
				t.Errorf("the second time: %d, %v", again, err)
			}
		})
	}
}

func TestDigHolesRefuses(t *testing.T) {
	path := sparse(t, mib, map[int64][]byte{0: make([]byte, mib)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if freed, err := DigHoles(ctx, path); freed != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", freed, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	ok(t, os.Symlink(path, link))
	for _, path := range []string{link, t.TempDir(), "/dev/zero"} {
		if _, err := DigHoles(t.Context(), path); err == nil {
			t.Errorf("%s is a file", path)
		}
	}
}
