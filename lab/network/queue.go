package network

import (
	"encoding/binary"
	"io"
	"sync"
)

// queueLimit is how many bytes wait for one port, beside as many that are
// being written: some 700 full frames, as a good switch has.
const queueLimit = 1 << 20

// keepQueue is the size up to which a queue's buffers are kept once written.
const keepQueue = 256 << 10

// queue holds frames on their way to one port, in wire format, one after the
// other: what collected while the port was being written to goes out in a
// single write. When it is full the port loses the newest frames and nobody
// waits.
type queue struct {
	mu      sync.Mutex
	more    sync.Cond
	pending []byte
	limit   int
	closed  bool
	sent    uint64 // frames
	lost    uint64 // frames
}

func newQueue(limit int) *queue {
	q := &queue{limit: limit}
	q.more.L = &q.mu
	return q
}

// put appends frames, which are complete and in wire format, as far as there
// is room. It copies them and never blocks.
func (q *queue) put(wire []byte, frames int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if room := q.limit - len(q.pending); len(wire) > room {
		fit, n := wholeFrames(wire, room)
		q.lost += uint64(frames - n)
		wire, frames = wire[:fit], n
	}
	if frames == 0 {
		return
	}
	if len(q.pending) == 0 {
		q.more.Signal()
	}
	q.pending = append(q.pending, wire...)
	q.sent += uint64(frames)
}

// wholeFrames returns how many bytes and frames of wire fit into room.
func wholeFrames(wire []byte, room int) (size, frames int) {
	for size < len(wire) {
		next := size + prefixLen + int(binary.BigEndian.Uint32(wire[size:]))
		if next > room {
			break
		}
		size = next
		frames++
	}
	return size, frames
}

// drain writes what is queued to w until the queue is closed or w fails.
func (q *queue) drain(w io.Writer) error {
	var batch []byte
	for {
		if cap(batch) > keepQueue {
			batch = nil
		}
		var ok bool
		if batch, ok = q.take(batch[:0]); !ok {
			return nil
		}
		if _, err := w.Write(batch); err != nil {
			return err
		}
	}
}

// take waits for frames and returns them all; empty is the buffer that the
// queue goes on with. It returns false once the queue is closed.
func (q *queue) take(empty []byte) ([]byte, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pending) == 0 && !q.closed {
		q.more.Wait()
	}
	if q.closed {
		return nil, false
	}
	batch := q.pending
	q.pending = empty
	return batch, true
}

// close drops what is queued and ends drain.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.pending = nil
	q.more.Signal()
}

// counts returns how many frames were queued and how many were lost.
func (q *queue) counts() (sent, lost uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sent, q.lost
}
