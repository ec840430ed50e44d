package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// copyChunk is how many bytes are copied between two looks at the context.
	copyChunk  = 16 << 20
	copyBuffer = 1 << 20
)

// CopyFile copies the regular file src to the new file dst: shared blocks
// where the file system can do that, otherwise data only, so that holes stay
// holes. Size and mode are those of src, and for root the owner. Nobody may
// write to src meanwhile. The copy is not synced to the disk. On error,
// ctx's among them, no dst is left; one that existed is left alone.
func CopyFile(ctx context.Context, src, dst string) error {
	in, info, err := openRegular(src, os.O_RDONLY)
	if err != nil {
		return fmt.Errorf("cannot copy file: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot copy file: %w", err)
	}
	err = fill(ctx, out, in, info)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("cannot copy %q to %q: %w", src, dst, errors.Join(err, os.Remove(dst)))
	}
	return nil
}

// openRegular opens a file that is neither a link nor anything special.
func openRegular(path string, flag int) (*os.File, os.FileInfo, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%q is no regular file", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// fill makes out what in is.
func fill(ctx context.Context, out, in *os.File, info os.FileInfo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) != nil {
		if err := copySparse(ctx, out, in, info.Size()); err != nil {
			return err
		}
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := out.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	return out.Chmod(info.Mode().Perm())
}

func copySparse(ctx context.Context, out, in *os.File, size int64) error {
	if err := out.Truncate(size); err != nil {
		return err
	}
	return eachData(in, size, func(from, to int64) error {
		for at := from; at < to; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := copyRange(out, in, at, min(copyChunk, to-at))
			if err != nil {
				return err
			}
			at += n
		}
		return nil
	})
}

// copyRange copies up to n bytes at offset at, in the kernel where it can,
// and returns how many: at least one, without error.
func copyRange(out, in *os.File, at, n int64) (int64, error) {
	read, write := at, at
	done, err := unix.CopyFileRange(int(in.Fd()), &read, int(out.Fd()), &write, int(n), 0)
	if err == nil && done > 0 {
		return int64(done), nil
	}
	return copyBytes(out, in, at, n) // which gives the error that counts
}

// copyBytes copies n bytes at offset at.
func copyBytes(out io.WriterAt, in io.ReaderAt, at, n int64) (int64, error) {
	buf := make([]byte, min(n, copyBuffer))
	done, err := io.CopyBuffer(onlyWriter{io.NewOffsetWriter(out, at)}, onlyReader{io.NewSectionReader(in, at, n)}, buf)
	if err == nil && done < n {
		err = io.ErrUnexpectedEOF
	}
	return done, err
}

// eachData calls f with every range of a file that is no hole, in order. Where
// the file system does not know its holes, that is the whole file.
func eachData(file *os.File, size int64, f func(from, to int64) error) error {
	fd := int(file.Fd())
	for at := int64(0); at < size; {
		from, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // nothing but a hole is left
		}
		to := size
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
			from = at
		} else if err != nil {
			return os.NewSyscallError("lseek", err)
		} else if to, err = unix.Seek(fd, from, unix.SEEK_HOLE); err != nil {
			return os.NewSyscallError("lseek", err)
		}
		if from >= size {
			return nil
		}
		to = min(to, size)
		if err := f(from, to); err != nil {
			return err
		}
		at = to
	}
	return nil
}
