package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// holeBlock is the smallest hole, in bytes.
const holeBlock = 4 << 10

// DigHoles gives the blocks of a regular file that hold nothing but zeros back
// to the file system: it reads the same as before. Freed is by how many bytes
// the file's use of the disk went down. Nobody may write to it meanwhile. The
// error is errors.ErrUnsupported where the file system has no holes; after any
// error, ctx's among them, the file is whole, and may have holes already.
func DigHoles(ctx context.Context, path string) (freed int64, err error) {
	f, info, err := openRegular(path, os.O_RDWR)
	if err != nil {
		return 0, fmt.Errorf("cannot dig holes: %w", err)
	}
	defer func() { _ = f.Close() }()
	before, err := allocated(f)
	if err != nil {
		return 0, fmt.Errorf("cannot dig holes in %q: %w", path, err)
	}
	d := digger{file: f, buf: make([]byte, copyBuffer)}
	err = eachData(f, info.Size(), func(from, to int64) error { return d.dig(ctx, from, to) })
	after, statErr := allocated(f)
	if err = errors.Join(err, statErr); err != nil {
		err = fmt.Errorf("cannot dig holes in %q: %w", path, err)
	}
	return max(0, before-after), err
}

// allocated is what a file takes on the disk, in bytes.
func allocated(f *os.File) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, os.NewSyscallError("fstat", err)
	}
	return st.Blocks * 512, nil
}

var zeroBlock [holeBlock]byte

type digger struct {
	file *os.File
	buf  []byte // a multiple of holeBlock
}

// dig makes holes of the runs of zero blocks in a range of the file.
func (d *digger) dig(ctx context.Context, from, to int64) error {
	run := int64(-1) // where the run of zero blocks began; -1 without one
	at := from - from%holeBlock
	for at < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := d.file.ReadAt(d.buf[:min(int64(len(d.buf)), to-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		for block := range slices.Chunk(d.buf[:n], holeBlock) {
			zero := bytes.Equal(block, zeroBlock[:len(block)])
			if zero && run < 0 {
				run = at
			}
			if !zero && run >= 0 {
				if err := d.punch(run, at); err != nil {
					return err
				}
				run = -1
			}
			at += int64(len(block))
		}
	}
	if run < 0 {
		return nil
	}
	return d.punch(run, at)
}

// punch frees a range; the file's last block is freed as a whole.
func (d *digger) punch(from, to int64) error {
	to += (holeBlock - to%holeBlock) % holeBlock
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	return os.NewSyscallError("fallocate", unix.Fallocate(int(d.file.Fd()), mode, from, to-from))
}
