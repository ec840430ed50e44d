package snapshots

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// layer is a frozen file, and how it is known to be unchanged: by the times
// and number that the file system gives it, which no program can set, or by
// what it holds.
type layer struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	Inode  uint64 `json:"inode"`
	MTime  int64  `json:"mtime_ns"`
	CTime  int64  `json:"ctime_ns"`
	SHA256 string `json:"sha256"` // see sparseSum
}

// measureLayer describes a file that is finished.
func measureLayer(ctx context.Context, path string) (layer, error) {
	sum, err := sparseSum(ctx, path)
	if err != nil {
		return layer{}, err
	}
	l, err := statLayer(path)
	l.SHA256 = sum
	return l, err
}

func statLayer(path string) (layer, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return layer{}, fmt.Errorf("cannot look at layer: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return layer{}, fmt.Errorf("cannot use layer %s: it is no file", path)
	}
	return layer{Name: filepath.Base(path), Size: info.Size(), Inode: st.Ino, MTime: st.Mtim.Nano(), CTime: st.Ctim.Nano()}, nil
}

// unchanged reports whether the layer in dir is what it was. Without full, a
// file whose times are the same is believed; one that was copied or restored
// from a backup is read.
func (l layer) unchanged(ctx context.Context, dir string, full bool) error {
	path := filepath.Join(dir, l.Name)
	now, err := statLayer(path)
	if err != nil {
		return err
	}
	if now.Size != l.Size {
		return fmt.Errorf("layer %s has %d bytes instead of %d", l.Name, now.Size, l.Size)
	}
	now.SHA256 = l.SHA256
	if now == l && !full {
		return nil
	}
	sum, err := sparseSum(ctx, path)
	if err != nil {
		return err
	}
	if sum != l.SHA256 {
		return fmt.Errorf("layer %s was changed: its SHA-256 is %.12s…, it was %.12s…", l.Name, sum, l.SHA256)
	}
	return nil
}

const sumBlock = 64 << 10

// sparseSum is the SHA-256 of a file's length and of each of its blocks of 64
// KiB that is not all zeros, after its number: what the file holds, whatever
// of it are holes. Lengths and numbers are 8 bytes, big-endian. Holes cost
// nothing.
func sparseSum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", fmt.Errorf("cannot read layer: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("cannot read layer: %w", err)
	}
	h, buf := sha256.New(), make([]byte, sumBlock)
	_ = binary.Write(h, binary.BigEndian, info.Size()) // a hash takes all
	for pos := int64(0); pos < info.Size(); {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		data, err := unix.Seek(int(f.Fd()), pos, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // a hole to the end
		}
		if err != nil {
			data = pos // a file system that does not tell
		}
		block := data / sumBlock
		n, err := f.ReadAt(buf, block*sumBlock)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("cannot read layer: %w", err)
		}
		if !allZero(buf[:n]) {
			_ = binary.Write(h, binary.BigEndian, block)
			_, _ = h.Write(buf[:n])
		}
		pos = (block + 1) * sumBlock
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

var zeros [sumBlock]byte

func allZero(b []byte) bool { return string(b) == string(zeros[:len(b)]) }
