package lab

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

// OpenLog opens a log file, mode 0600, for output of machines. It holds at
// most maxLog bytes: what comes later is dropped and a last line says so.
// Redact is applied to whole lines (to pieces of 64 KiB where a line is
// longer), so that a secret is found although it came in two writes.
func OpenLog(path string, redact func(string) string) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, &HostError{Op: "open a log", Err: err}
	}
	return &log{file: f, redact: redact, room: maxLog}, nil
}

// log is a file that takes a limited number of redacted bytes. Its methods
// may be called at the same time: a command's two outputs share it.
type log struct {
	mu     sync.Mutex
	file   *os.File
	redact func(string) string
	line   []byte // not yet written: no line end has come
	room   int    // bytes
	cut    int64  // bytes dropped
	err    error
}

const maxLogLine = 64 << 10

// Write never fails because of the limit: the machine's command goes on.
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = append(l.line, b...)
	end := bytes.LastIndexByte(l.line, '\n') + 1
	if end == 0 && len(l.line) >= maxLogLine {
		end = len(l.line)
	}
	l.flush(end)
	return len(b), l.err
}

// flush writes the first n bytes of the pending line.
func (l *log) flush(n int) {
	text := l.redact(string(l.line[:n]))
	l.line = append(l.line[:0], l.line[n:]...)
	if over := len(text) - l.room; over > 0 {
		l.cut += int64(over)
		text = text[:l.room]
	}
	l.room -= len(text)
	if _, err := l.file.WriteString(text); err != nil && l.err == nil {
		l.err = err
	}
}

// Close writes what is pending and says how much was dropped.
func (l *log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush(len(l.line))
	if l.cut > 0 {
		fmt.Fprintf(l.file, "\n… %d bytes more were dropped here\n", l.cut)
	}
	if err := l.file.Close(); err != nil && l.err == nil {
		l.err = err
	}
	return l.err
}
