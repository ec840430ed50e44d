package network

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
)

// ethSwitch is a learning Ethernet switch. Whatever goes to a port is queued
// there, within bounds: no port waits for another.
type ethSwitch struct {
	maxFrame int // bytes of a frame with a VLAN tag
	gateway  mac // never learned; the zero mac when there is no gateway
	// deliver gives a frame from a port to the gateway. It must neither keep
	// nor change it. Nil when there is no gateway.
	deliver func(frame []byte, from *port)

	log   *slog.Logger
	table *macTable
	ports atomic.Pointer[[]*port] // replaced, never changed
	// version is raised by whatever changes a frame's way: ports and table.
	version atomic.Uint64

	mu     sync.Mutex // held to replace ports
	closed bool
	served sync.WaitGroup

	queueLimit              int
	frames, bytes, floods   atomic.Uint64
	pastMalformed, pastLost atomic.Uint64 // of ports that are gone
}

func newSwitch(mtu int, gateway mac) *ethSwitch {
	s := &ethSwitch{
		maxFrame:   mtu + headerLen + vlanLen,
		gateway:    gateway,
		log:        slog.New(slog.DiscardHandler),
		table:      newMACTable(),
		queueLimit: queueLimit,
	}
	s.ports.Store(new([]*port))
	return s
}

// attach makes conn a port and owns it from now on. The channel gives why the
// port ended, nil when the other side closed it, and is closed then.
func (s *ethSwitch) attach(conn net.Conn) (<-chan error, error) {
	p := &port{sw: s, conn: conn, out: newQueue(s.queueLimit)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return nil, errClosed
	}
	ports := append(slices.Clone(*s.ports.Load()), p)
	s.ports.Store(&ports)
	s.version.Add(1)
	ended := make(chan error, 1)
	s.served.Go(func() {
		err := p.serve()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Warn("a port ended", "error", err)
		}
		ended <- err
		close(ended)
	})
	return ended, nil
}

// remove forgets a port and its addresses.
func (s *ethSwitch) remove(p *port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ports := slices.DeleteFunc(slices.Clone(*s.ports.Load()), func(o *port) bool { return o == p })
	s.ports.Store(&ports)
	s.table.forget(p)
	s.version.Add(1)
	_, lost := p.out.counts()
	s.pastLost.Add(lost)
	s.pastMalformed.Add(p.malformed.Load())
}

// close ends every port and waits for them.
func (s *ethSwitch) close() {
	s.mu.Lock()
	s.closed = true
	for _, p := range *s.ports.Load() {
		p.out.close()
		_ = p.conn.Close()
	}
	s.mu.Unlock()
	s.served.Wait()
}

// send switches one frame of the gateway, in wire format.
func (s *ethSwitch) send(wire []byte) {
	s.frames.Add(1)
	s.bytes.Add(uint64(len(wire) - prefixLen))
	dst := mac(wire[prefixLen:])
	if !dst.group() {
		if p := s.table.lookup(dst); p != nil {
			p.out.put(wire, 1)
			return
		}
	}
	s.flood(wire, 1, nil)
}

// flood queues frames on every port but from.
func (s *ethSwitch) flood(wire []byte, frames int, from *port) {
	s.floods.Add(uint64(frames))
	for _, p := range *s.ports.Load() {
		if p != from {
			p.out.put(wire, frames)
		}
	}
}
