package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

const (
	prefixLen = 4  // bytes of a frame's length before it
	headerLen = 14 // bytes of an Ethernet header
	vlanLen   = 4  // bytes that an 802.1Q tag adds to it

	// maxPrefix is the largest length that may be a frame, if one too long
	// for the network. Beyond it the two sides have lost step.
	maxPrefix = 64<<10 + headerLen + vlanLen
	// readBuffer is what a port reads at most at once; a frame of maxPrefix
	// fits.
	readBuffer = 128 << 10
)

// port is one connection of a switch: a machine's NIC.
type port struct {
	sw   *ethSwitch
	conn net.Conn
	out  *queue
	// refusals limits the gateway's refusals of what this port sends.
	refusals limiter

	frames, malformed atomic.Uint64

	// Of macTable, under its lock.
	learned []mac
	oldest  int
	gone    bool
}

// errClosed is why a port ends when its switch was closed.
var errClosed = fmt.Errorf("the lab's network was closed: %w", net.ErrClosed)

// serve moves frames until the connection ends, and returns why: nil when the
// other side closed it.
func (p *port) serve() error {
	written := make(chan error, 1)
	go func() {
		err := p.out.drain(p.conn)
		_ = p.conn.Close() // ends receive
		written <- err
	}()
	err := p.receive()
	p.out.close()
	p.sw.remove(p)
	_ = p.conn.Close() // ends drain
	werr := <-written
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe):
		return err
	case werr != nil:
		return werr // it closed the connection
	}
	return errClosed
}

// receive reads frames and gives them to the switch.
func (p *port) receive() error {
	buf := make([]byte, readBuffer)
	in := ingress{port: p}
	have := 0
	for {
		n, err := p.conn.Read(buf[have:])
		have += n
		used, bad := in.consume(buf[:have])
		if bad != nil {
			return bad
		}
		have = copy(buf, buf[used:have])
		if err != nil {
			return err
		}
	}
}

// consume switches the complete frames at the start of b and returns how many
// bytes they took. An error means that framing is lost.
//
// Frames in a row with the same way out are handed on together: they lie in b
// as they go out, each behind its length.
func (in *ingress) consume(b []byte) (used int, err error) {
	var r run
	for len(b)-used >= prefixLen {
		n := int64(binary.BigEndian.Uint32(b[used:]))
		if n > maxPrefix {
			err = fmt.Errorf("cannot read a frame: its length is said to be %d bytes, framing is lost", n)
			break
		}
		start, end := used, used+prefixLen+int(n)
		if end > len(b) {
			break
		}
		used = end
		if int(n) < headerLen || int(n) > in.port.sw.maxFrame {
			in.port.malformed.Add(1)
			continue
		}
		w := in.way(b[start+prefixLen : end])
		if r.frames > 0 && r.way == w && r.end == start {
			r.end, r.frames = end, r.frames+1
			continue
		}
		in.finish(r, b[r.start:r.end])
		r = run{way: w, start: start, end: end, frames: 1}
	}
	in.finish(r, b[r.start:r.end])
	return used, err
}
