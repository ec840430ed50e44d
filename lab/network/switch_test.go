package network

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// plug attaches n stations to a bare switch.
func plug(t *testing.T, sw *ethSwitch, n int) []*wireStation {
	t.Helper()
	t.Cleanup(sw.close)
	stations := make([]*wireStation, n)
	for i := range stations {
		ours, theirs := socketpair(t)
		if _, err := sw.attach(ours); err != nil {
			t.Fatal(err)
		}
		stations[i] = newStation(t, theirs)
	}
	return stations
}

// want fails unless the next frame is f.
func (s *wireStation) want(f []byte) {
	s.t.Helper()
	if got := s.receive(); !bytes.Equal(got, f) {
		s.t.Fatalf("got frame % x, want % x", got[:min(20, len(got))], f[:20])
	}
}

// greet makes the switch learn m, the address of from, which is the i-th, and
// all the others hear of it.
func greet(all []*wireStation, i int, from *wireStation, m mac) {
	hello := etherFrame(everybody, m, 0x88b5, 60, 1)
	from.send(hello)
	for j, s := range all {
		if j != i {
			s.want(hello)
		}
	}
}

func TestSwitchFloodsAndLearns(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 3)
	a, b, c := testMAC(1), testMAC(2), testMAC(3)

	broadcast := etherFrame(everybody, a, 0x88b5, 60, 1)
	st[0].send(broadcast)
	st[1].want(broadcast)
	st[2].want(broadcast)

	multicast := etherFrame(mac{1, 0, 0x5e, 0, 0, 251}, b, 0x88b5, 60, 2)
	st[1].send(multicast)
	st[0].want(multicast)
	st[2].want(multicast)

	unknown := etherFrame(c, a, 0x88b5, 60, 3)
	st[0].send(unknown)
	st[1].want(unknown)
	st[2].want(unknown)

	answer, last := etherFrame(a, c, 0x88b5, 60, 4), etherFrame(everybody, c, 0x88b5, 60, 5)
	st[2].send(answer, last)
	st[0].want(answer)
	st[0].want(last)
	st[1].want(last) // and not the answer
	if n := sw.table.size(); n != 3 {
		t.Errorf("%d addresses are known, want 3", n)
	}
}

func TestSwitchMove(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 3)
	a, b := testMAC(1), testMAC(2)
	hello := etherFrame(everybody, b, 0x88b5, 60, 1)
	for _, from := range []int{1, 2, 1} { // b moves to and fro
		st[from].send(hello)
		st[0].want(hello)
		st[3-from].want(hello)
		f := etherFrame(b, a, 0x88b5, 60, byte(10+from))
		st[0].send(f)
		st[from].want(f)
	}
	f := etherFrame(everybody, a, 0x88b5, 60, 9)
	st[0].send(f)
	st[1].want(f)
	st[2].want(f) // nothing came in between
}

func TestSwitchForgetsAPort(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 3)
	a, b := testMAC(1), testMAC(2)
	hello := etherFrame(everybody, b, 0x88b5, 60, 1)
	st[1].send(hello)
	st[0].want(hello)
	st[2].want(hello)
	_ = st[1].conn.Close()
	eventually(t, "the port is gone", func() bool { return len(sw.stats().Ports) == 2 && sw.table.size() == 0 })
	f := etherFrame(b, a, 0x88b5, 60, 2)
	st[0].send(f)
	st[2].want(f) // flooded again
}

func TestSwitchDoesNotReturnFrames(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 2)
	a, b := testMAC(1), testMAC(2)
	hello := []([]byte){etherFrame(everybody, a, 0x88b5, 60, 1), etherFrame(everybody, b, 0x88b5, 60, 2)}
	st[0].send(hello...) // both are behind the first port
	st[1].want(hello[0])
	st[1].want(hello[1])
	st[0].send(etherFrame(b, a, 0x88b5, 60, 3))
	last := etherFrame(everybody, a, 0x88b5, 60, 4)
	st[0].send(last)
	st[1].want(last)
	st[1].send(last)
	st[0].want(last) // the first thing that comes to the first port
}

func TestSwitchIgnoresWrongSources(t *testing.T) {
	gateway := testMAC(99)
	sw := newSwitch(1500, gateway)
	st := plug(t, sw, 2)
	for _, src := range []mac{everybody, {1, 0, 0x5e, 0, 0, 1}, gateway} {
		f := etherFrame(everybody, src, 0x88b5, 60, 1)
		st[0].send(f)
		st[1].want(f)
	}
	if n := sw.table.size(); n != 0 {
		t.Errorf("%d addresses were learned, want none", n)
	}
}

func TestSwitchSizes(t *testing.T) {
	for _, mtu := range []int{1500, 9000, 65521} {
		sw := newSwitch(mtu, mac{})
		st := plug(t, sw, 2)
		a, b := testMAC(1), testMAC(2)
		bad := [][]byte{{}, make([]byte, 13), etherFrame(b, a, 0x88b5, mtu+19, 1)}
		good := [][]byte{etherFrame(b, a, 0x88b5, 14, 2), etherFrame(b, a, 0x88b5, mtu+14, 3), etherFrame(b, a, 0x8100, mtu+18, 4)}
		for i := range bad {
			st[0].send(bad[i], good[i])
			if got := st[1].receive(); !bytes.Equal(got, good[i]) {
				t.Fatalf("mtu %d: got %d bytes, want %d", mtu, len(got), len(good[i]))
			}
		}
		if s := sw.stats(); s.Malformed != 3 || s.Frames != 3 || s.Ports[0].Malformed != 3 {
			t.Errorf("mtu %d: %+v", mtu, s)
		}
	}
}

// Frames may come in any pieces.
func TestSwitchPieces(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 2)
	f := etherFrame(testMAC(2), testMAC(1), 0x88b5, 80, 7)
	for _, b := range wireOf(f) {
		if _, err := st[0].conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	st[1].want(f)
}

func TestSwitchLosesFraming(t *testing.T) {
	sw := newSwitch(1500, mac{})
	t.Cleanup(sw.close)
	ours, theirs := socketpair(t)
	ended, err := sw.attach(ours)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Write(binary.BigEndian.AppendUint32(nil, maxPrefix+1)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the port ended without a reason")
	}
	if _, err := theirs.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
	if _, open := <-ended; open {
		t.Error("the channel is not closed")
	}
}

func TestSwitchPortEnds(t *testing.T) {
	sw := newSwitch(1500, mac{})
	t.Cleanup(sw.close)
	ours, theirs := socketpair(t)
	ended, err := sw.attach(ours)
	if err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	if err := <-ended; err != nil {
		t.Errorf("the port ended with %v, want nil", err)
	}
}

// A machine that invents addresses pushes out its own alone.
func TestSwitchBoundsAddresses(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 2)
	b := testMAC(2)
	hello := etherFrame(everybody, b, 0x88b5, 60, 1)
	st[1].send(hello)
	st[0].want(hello)
	for i := range 3 * maxLearned {
		m := mac{0x52, 0, 0, 0, byte(i >> 8), byte(i)}
		f := etherFrame(b, m, 0x88b5, 60, 2)
		st[0].send(f)
		st[1].want(f)
	}
	if n := sw.table.size(); n != maxLearned+1 {
		t.Errorf("%d addresses are known, want %d", n, maxLearned+1)
	}
	if sw.table.lookup(b) == nil {
		t.Error("another port's address was pushed out")
	}
}

// A port that nobody reads loses its own frames; two others go on talking
// without loss, over real unix sockets.
func TestStalledPortDelaysNobody(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 3)
	a, b, c := testMAC(1), testMAC(2), testMAC(3)
	for i, m := range []mac{a, b, c} {
		greet(st[:2], i, st[i], m)
	}

	const rounds = 4000
	for i := range rounds {
		f := etherFrame(b, a, 0x88b5, 1514, byte(i))
		st[0].send(f, etherFrame(c, a, 0x88b5, 1514, 3))
		st[1].want(f)
		g := etherFrame(a, b, 0x88b5, 100, byte(i))
		st[1].send(g, etherFrame(c, b, 0x88b5, 1514, 4))
		st[0].want(g)
	}
	var s NetworkStats
	eventually(t, "every frame for the stalled port is accounted for", func() bool {
		s = sw.stats()
		return s.Ports[2].Queued+s.Ports[2].Dropped == 2*rounds+2
	})
	if s.Ports[2].Dropped == 0 || s.Ports[0].Dropped+s.Ports[1].Dropped != 0 || s.Dropped != s.Ports[2].Dropped {
		t.Errorf("dropped frames: %+v", s)
	}
	// When it reads again it gets what was kept, whole, and then the rest.
	for range s.Ports[2].Queued {
		if n := len(st[2].receive()); n != 60 && n != 1514 {
			t.Fatalf("a frame of %d bytes came", n)
		}
	}
	f := etherFrame(c, a, 0x88b5, 200, 5)
	st[0].send(f)
	st[2].want(f)
}

// Frames in a row that take the same way are handed on together, and stay in
// order among those that don't.
func TestIngressRuns(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 3)
	a, b, c := testMAC(1), testMAC(2), testMAC(3)
	for i, m := range []mac{a, b, c} {
		greet(st, i, st[i], m)
	}
	var toB, all [][]byte
	for i := range byte(200) {
		dst := []mac{b, b, c, everybody, b}[i%5]
		f := etherFrame(dst, a, 0x88b5, 60+int(i), i)
		all = append(all, f)
		if dst != c {
			toB = append(toB, f)
		}
		if i%7 == 0 {
			all = append(all, make([]byte, 5)) // malformed, in between
		}
	}
	st[0].send(all...)
	for _, f := range toB {
		st[1].want(f)
	}
}

func TestQueueCutsAtFrames(t *testing.T) {
	q := newQueue(100)
	wire := slices.Concat(wireOf(make([]byte, 36)), wireOf(make([]byte, 36)), wireOf(make([]byte, 36)))
	q.put(wire, 3)
	if sent, lost := q.counts(); sent != 2 || lost != 1 || len(q.pending) != 80 {
		t.Errorf("sent %d, lost %d, %d bytes wait", sent, lost, len(q.pending))
	}
	q.put(wireOf(make([]byte, 16)), 1)
	q.put(wireOf(nil), 1)
	if sent, lost := q.counts(); sent != 3 || lost != 2 {
		t.Errorf("sent %d, lost %d", sent, lost)
	}
}

func TestQueueEndsWithItsWriter(t *testing.T) {
	q := newQueue(100)
	r, w := io.Pipe()
	_ = r.CloseWithError(net.ErrClosed)
	q.put(wireOf(make([]byte, 20)), 1)
	if err := q.drain(w); err == nil {
		t.Error("a failed write was not reported")
	}
	q.close()
	q.put(wireOf(make([]byte, 20)), 1)
	if err := q.drain(w); err != nil {
		t.Errorf("a closed queue gave %v", err)
	}
}

func TestCloseWhileBusy(t *testing.T) {
	sw := newSwitch(1500, mac{})
	st := plug(t, sw, 3)
	done := make(chan struct{})
	for i, s := range st[:2] {
		go func() {
			defer func() { done <- struct{}{} }()
			f := wireOf(etherFrame(everybody, testMAC(byte(i)), 0x88b5, 1514, 1))
			_ = s.conn.SetWriteDeadline(time.Now().Add(patience))
			for {
				if _, err := s.conn.Write(f); err != nil {
					return
				}
			}
		}()
	}
	eventually(t, "queues are full", func() bool { return sw.stats().Dropped > 0 })
	sw.close()
	sw.close()
	<-done
	<-done
	ours, theirs := socketpair(t)
	if _, err := sw.attach(ours); err == nil {
		t.Error("a closed switch took a port")
	}
	if _, err := theirs.Read(make([]byte, 1)); err == nil {
		t.Error("the refused connection is open")
	}
}
