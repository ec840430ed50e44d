package agent

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// What is kept of a log that a guest can fill.
const (
	logHead  = 1 << 20
	logTail  = 7 << 20
	logLimit = 16 << 20
)

// cappedLog is a file that grows to a limit only: then its middle is cut out,
// so that the head and the newest part stay. A line says how much was dropped.
type cappedLog struct {
	head, tail, limit int64 // head + tail + a line < limit

	mu      sync.Mutex
	f       *os.File
	dropped int64
	failed  error // the first write error since the last success
}

// openCappedLog opens path for appending, and makes it when it is missing.
func openCappedLog(path string) (*cappedLog, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return &cappedLog{head: logHead, tail: logTail, limit: logLimit, f: f}, nil
}

// Write appends p. A full disk loses p: the error is returned once, until
// writing works again.
func (l *cappedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(p)
	first := err != nil && l.failed == nil
	l.failed = err
	if first {
		return 0, err
	}
	return len(p), nil
}

func (l *cappedLog) write(p []byte) error {
	if over := int64(len(p)) - l.tail; over > 0 {
		l.dropped += over
		p = p[over:]
	}
	info, err := l.f.Stat() // others may append as well: a dying process's last words
	if err != nil {
		return err
	}
	size := info.Size()
	if size+int64(len(p)) > l.limit {
		if size, err = l.cut(size); err != nil {
			return err
		}
	}
	_, err = l.f.WriteAt(p, size)
	return err
}

// cut keeps the head and the newest tail of the file, and returns its new size.
func (l *cappedLog) cut(size int64) (int64, error) {
	tail := make([]byte, min(l.tail, size-l.head))
	if _, err := l.f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, err
	}
	l.dropped += size - l.head - int64(len(tail))
	mark := fmt.Sprintf("\n[patchlab: about %d bytes dropped here]\n", l.dropped)
	b := append([]byte(mark), tail...)
	if _, err := l.f.WriteAt(b, l.head); err != nil {
		return 0, err
	}
	size = l.head + int64(len(b))
	return size, l.f.Truncate(size)
}

// Close closes the file.
func (l *cappedLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}
