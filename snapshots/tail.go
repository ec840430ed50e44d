package snapshots

import (
	"bytes"
	"strings"
	"sync"
)

// tail keeps the last bytes of what is written to it, for error messages.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const tailBytes = 4096

// Write implements io.Writer; it never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - tailBytes; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

// last returns at most n of the last non-empty lines, oldest first.
func (t *tail) last(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return lastLines(t.data, n)
}

// lastLines returns at most n of the last non-empty lines of data.
func lastLines(data []byte, n int) []string {
	var lines []string
	for _, l := range bytes.Split(data, []byte("\n")) {
		if s := strings.TrimSpace(string(l)); s != "" {
			lines = append(lines, s)
		}
	}
	return lines[max(0, len(lines)-n):]
}
