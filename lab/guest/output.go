package guest

import (
	"io"
	"sync"
)

// keepBytes is how much of each output stream is kept: its head and its tail,
// half of it each.
const keepBytes = 256 << 10

// cutMark stands where output was left out.
const cutMark = "\n…\n"

// headTail keeps the first and the last bytes of what is written to it.
type headTail struct {
	head  []byte
	ring  []byte // the last bytes beyond head; next is its oldest once it is full
	next  int
	total int64
}

func (h *headTail) write(b []byte) {
	h.total += int64(len(b))
	if room := keepBytes/2 - len(h.head); room > 0 {
		n := min(room, len(b))
		h.head = append(h.head, b[:n]...)
		b = b[n:]
	}
	const size = keepBytes/2 - len(cutMark)
	if len(b) > size {
		b = b[len(b)-size:]
	}
	if room := size - len(h.ring); room > 0 {
		n := min(room, len(b))
		h.ring = append(h.ring, b[:n]...)
		b = b[n:]
	}
	for len(b) > 0 {
		n := copy(h.ring[h.next:], b)
		h.next = (h.next + n) % size
		b = b[n:]
	}
}

// cut reports whether something was left out.
func (h *headTail) cut() bool { return h.total > int64(len(h.head)+len(h.ring)) }

// bytes returns what was kept.
func (h *headTail) bytes() []byte {
	out := append([]byte(nil), h.head...)
	if h.cut() {
		out = append(out, cutMark...)
	}
	out = append(out, h.ring[h.next:]...)
	return append(out, h.ring[:h.next]...)
}

// sink receives one output stream of a command. After shut nothing reaches
// the caller's writer any more, whatever the machine still sends.
type sink struct {
	mu   sync.Mutex
	kept headTail
	to   io.Writer // nil: keep only
	err  error     // the first of the caller's writer
	shut bool
}

// Write never fails: the stream is drained also when the caller's writer
// fails, which the command's end reports.
func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return len(b), nil
	}
	s.kept.write(b)
	if s.to != nil && s.err == nil {
		_, s.err = s.to.Write(b)
	}
	return len(b), nil
}

func (s *sink) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.total
}

// finish shuts the sink and returns what it kept.
func (s *sink) finish() (kept []byte, cut bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	return s.kept.bytes(), s.kept.cut(), s.err
}
