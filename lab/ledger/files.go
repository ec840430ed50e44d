package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/google/renameio/v2"

	"github.com/patchlab/patchlab/lab"
)

// Names of files and folders of a ledger and of a run record.
const (
	linesFile  = "entries.jsonl"
	headFile   = "head.json"
	sealsDir   = "seals"
	hostsDir   = "hosts"
	lockFile   = ".lock"
	sumsFile   = "SHA256SUMS"
	recordFile = "run.json"
)

// Limits of what is read: nothing that patchlab writes comes near them.
const (
	maxLine   = 64 << 20  // bytes of an entry
	maxLines  = 1 << 30   // bytes of a ledger
	maxSmall  = 64 << 10  // bytes of a head or a seal
	maxSums   = 64 << 20  // bytes of a list of sums
	maxRecord = 256 << 20 // bytes of a run record
	maxCopied = 4 << 30   // bytes of a file of another host's run record
)

// plainName is what labs and runs may be called where the name becomes a
// path: what comes from another host is not trusted.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

var ledgerID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// runPath is the path of a run's folder below the folder of all runs.
func runPath(labName, run string) (string, error) {
	if !plainName.MatchString(labName) || !plainName.MatchString(run) {
		return "", fmt.Errorf("lab %q, run %q: not names that a folder can have", lab.Printable(labName, 80), lab.Printable(run, 80))
	}
	return filepath.Join(labName, run), nil
}

// openRegular opens a file below root for reading. What is no regular file (a
// symbolic link, a pipe) is refused, and does not hold up.
func openRegular(root *os.Root, path string) (*os.File, error) {
	info, err := root.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errIrregular}
	}
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errIrregular}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

var (
	errIrregular = errors.New("not a regular file")
	errTooLarge  = errors.New("larger than it can be")
)

// readSmall reads a regular file of at most limit bytes.
func readSmall(root *os.Root, path string, limit int64) ([]byte, error) {
	f, err := openRegular(root, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errTooLarge}
	}
	buf := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
		if int64(len(buf)) > limit {
			return nil, &fs.PathError{Op: "read", Path: path, Err: errTooLarge}
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// broken reports whether err is of what a file is, and not of this host's
// trouble to read it.
func broken(err error) bool {
	return errors.Is(err, errIrregular) || errors.Is(err, errTooLarge) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENAMETOOLONG)
}

func hostError(op string, err error) error { return &lab.HostError{Op: op, Err: err} }

// replaceFile writes a file as a whole or not at all. What a process that dies
// leaves is hidden, and beside it.
func replaceFile(path string, text []byte) error {
	return renameio.WriteFile(path, text, 0o600, renameio.WithTempDir(filepath.Dir(path)))
}

// syncDir makes what was renamed or made in a folder last.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
