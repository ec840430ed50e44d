package snapshots

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
)

// sourceNote remembers the hash of a file, for as long as it is the same.
type sourceNote struct {
	Path   string `json:"path"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Size   int64  `json:"size"`
	MTime  int64  `json:"mtime_ns"`
	CTime  int64  `json:"ctime_ns"` // no program can set it
	SHA256 string `json:"sha256,omitempty"`
}

// noteAge is how long a file must have been at rest for its hash to be
// remembered: a change within one tick of the clock leaves no trace.
const noteAge = 2 * time.Second

// sourceSum returns the SHA-256 of an image's file, and checks it against the
// definition's.
func (s *Store) sourceSum(ctx context.Context, img *lab.Image, p lab.Progress) (string, error) {
	before, err := lookAt(img.Source)
	if err != nil {
		return "", &lab.UsageError{Err: fmt.Errorf("cannot read the disk of image %q: %w", img.Name, err)}
	}
	sum := s.notedSum(before)
	if sum == "" {
		err := ticking(p, "reading "+filepath.Base(img.Source), func() error {
			sum, _, err = hashFile(ctx, img.Source, p)
			return err
		})
		if err != nil {
			return "", err
		}
		s.noteSum(before, sum)
	}
	if img.SHA256 != "" && img.SHA256 != sum {
		return "", &lab.UsageError{
			Err:  fmt.Errorf("image %q is not the pinned one: the SHA-256 of %s is %s, the definition says %s", img.Name, img.Source, sum, img.SHA256),
			Hint: "fetch the file anew, or pin the new one if you trust it",
		}
	}
	return sum, nil
}

func lookAt(path string) (sourceNote, error) {
	info, err := os.Stat(path)
	if err != nil {
		return sourceNote{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return sourceNote{}, fmt.Errorf("%s is not a regular file", path)
	}
	return sourceNote{
		Path: path, Device: st.Dev, Inode: st.Ino, Size: info.Size(),
		MTime: st.Mtim.Nano(), CTime: st.Ctim.Nano(),
	}, nil
}

func (s *Store) notePath(path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(s.CacheDir(), "source-"+hex.EncodeToString(sum[:8])+".json")
}

// notedSum returns the remembered hash of a file, or "".
func (s *Store) notedSum(now sourceNote) string {
	b, err := os.ReadFile(s.notePath(now.Path))
	if err != nil {
		return ""
	}
	var noted sourceNote
	if json.Unmarshal(b, &noted) != nil {
		return ""
	}
	now.SHA256 = noted.SHA256
	if noted != now {
		return ""
	}
	return noted.SHA256
}

// noteSum remembers the hash of a file. It is only a saving: errors are
// no matter.
func (s *Store) noteSum(n sourceNote, sum string) {
	after, err := lookAt(n.Path)
	if err != nil || after != n || s.now().UnixNano()-max(n.CTime, n.MTime) < int64(noteAge) {
		return
	}
	n.SHA256 = sum
	if b, err := json.Marshal(n); err == nil {
		_ = renameio.WriteFile(s.notePath(n.Path), b, 0o600)
	}
}

// hashFile returns the SHA-256 of a file and its size.
func hashFile(ctx context.Context, path string, p lab.Progress) (sum string, size int64, err error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", 0, fmt.Errorf("cannot read disk: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", 0, fmt.Errorf("cannot read disk: %w", err)
	}
	h, buf := sha256.New(), make([]byte, 1<<20)
	for {
		n, err := f.Read(buf)
		_, _ = h.Write(buf[:n])
		size += int64(n)
		p.Bytes(size, info.Size())
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), size, nil
		}
		if err != nil {
			return "", 0, fmt.Errorf("cannot read disk: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
	}
}
