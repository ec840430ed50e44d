package guest

import (
	"bytes"
	"io"
	"strconv"
	"sync"
)

// announcement takes the line with the command's process number out of its
// stderr and passes on all else. A login shell may print something before it.
type announcement struct {
	mark string
	to   io.Writer

	mu      sync.Mutex
	pending []byte // not yet passed on
	seen    bool   // the line came, or will not come any more
	number  int
}

// maxBefore is how much may come before the line.
const maxBefore = 16 << 10

// Write implements io.Writer.
func (a *announcement) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen {
		return a.to.Write(b)
	}
	a.pending = append(a.pending, b...)
	before, rest, found := bytes.Cut(a.pending, []byte(a.mark))
	number, after, whole := bytes.Cut(rest, []byte("\n"))
	switch {
	case found && whole:
		a.number, _ = strconv.Atoi(string(number)) // 0 when it is no number: nothing is killed
		a.pending = append(bytes.Clone(before), after...)
	case len(a.pending) < maxBefore:
		return len(b), nil
	}
	a.pass()
	return len(b), nil
}

// pass gives on what is pending, and everything from now on.
func (a *announcement) pass() {
	a.seen = true
	if len(a.pending) > 0 {
		_, _ = a.to.Write(a.pending) // a sink, which never fails
	}
	a.pending = nil
}

// flush passes on what is pending at the end of the command.
func (a *announcement) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.seen {
		a.pass()
	}
}

// pid is the announced process; 0 when none was.
func (a *announcement) pid() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.number
}
