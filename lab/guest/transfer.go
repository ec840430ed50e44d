package guest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/pkg/sftp"

	"github.com/patchlab/patchlab/lab"
)

// transfer is one upload: what goes where, then its steps.
type transfer struct {
	folders []string // on the machine, parents first
	items   []*item
	total   int64 // bytes

	guest    *Guest
	dialect  dialect
	progress lab.Progress
	files    *sftp.Client
	done     int64
}

// item is one file of a transfer.
type item struct {
	src       string
	dst       string
	temporary string // beside dst
	mode      fs.FileMode
	sum       string // SHA-256 in hex of what was read
}

func (t *transfer) makeFolders(ctx context.Context) error {
	for _, f := range t.folders {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := t.files.MkdirAll(f); err != nil {
			return fmt.Errorf("make folder %s: %w", f, err)
		}
	}
	return nil
}

func (t *transfer) write(ctx context.Context) error {
	for _, f := range t.items {
		if err := t.writeFile(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes one temporary file, which only its owner can read until
// its mode is set.
func (t *transfer) writeFile(ctx context.Context, f *item) (err error) {
	src, err := os.Open(f.src)
	if err != nil {
		return &lab.HostError{Op: "read " + f.src, Err: err}
	}
	defer func() { _ = src.Close() }()
	dst, err := t.files.OpenFile(f.temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return fmt.Errorf("create a file in %s: %w", path.Dir(f.dst), err)
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if err := t.chmod(dst, 0o600); err != nil {
		return err
	}
	r := &source{ctx: ctx, from: src, hash: sha256.New(), transfer: t}
	// 16 requests of 32 KiB under way hide the time that each one takes.
	if _, err := dst.ReadFromWithConcurrency(r, 16); err != nil {
		if r.err != nil {
			return &lab.HostError{Op: "read " + f.src, Err: r.err}
		}
		return fmt.Errorf("write %s: %w", f.dst, err)
	}
	f.sum = hex.EncodeToString(r.hash.Sum(nil))
	return t.chmod(dst, f.mode)
}

func (t *transfer) chmod(f *sftp.File, mode fs.FileMode) error {
	if !t.dialect.modes() {
		return nil
	}
	return f.Chmod(mode)
}

// source reads a file on this host, hashes it and reports progress.
type source struct {
	ctx      context.Context //nolint:containedctx // io.Reader has no place for it
	from     io.Reader
	hash     hash.Hash
	transfer *transfer
	err      error // what reading failed with
}

func (s *source) Read(b []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	n, err := s.from.Read(b)
	s.hash.Write(b[:n])
	s.transfer.done += int64(n)
	s.transfer.progress.Bytes(s.transfer.done, s.transfer.total)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// place gives each file its name, over one that is there.
func (t *transfer) place(context.Context) error {
	for _, f := range t.items {
		if err := t.files.PosixRename(f.temporary, f.dst); err != nil {
			return fmt.Errorf("put %s in its place: %w", f.dst, err)
		}
	}
	return nil
}
