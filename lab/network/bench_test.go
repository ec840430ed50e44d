package network

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containers/gvisor-tap-vsock/pkg/tap"
	"github.com/containers/gvisor-tap-vsock/pkg/types"
	"github.com/sirupsen/logrus"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// BenchmarkSwitch runs the same load through this switch and through that of
// gvisor-tap-vsock, over unix sockets with QEMU's framing. Each op is one
// frame that arrived. The sender keeps a window, as TCP does, so that no
// switch has a reason to lose anything; it writes several frames at a time, so
// that the switch and not the generator is measured, but for "single", which
// writes as QEMU does. In "mixed" each frame goes to another station than the
// one before.
//
// In "stalled" a third port floods and reads nothing: "lost" is what the other
// two lost of their frames within the time limit (a switch that stands still
// loses all).
func BenchmarkSwitch(b *testing.B) {
	loads := []benchLoad{
		{name: "small", size: 64, batch: 64},
		{name: "full", size: 1514, batch: 16},
		{name: "single", size: 1514, batch: 1},
		{name: "mixed", size: 1514, batch: 16, mixed: true},
		{name: "stalled", size: 1514, batch: 16, stall: true},
	}
	for _, load := range loads {
		b.Run(load.name, func(b *testing.B) {
			b.Run("patchlab", func(b *testing.B) { load.run(b, newPatchlab(b)) })
			b.Run("gvisor-tap-vsock", func(b *testing.B) { load.run(b, newTap(b)) })
		})
	}
}

// benchWindow is how many bytes are on their way at most.
const benchWindow = 256 << 10

const (
	stallLimit  = 3 * time.Second // ends a measurement with a stalled port
	stallFrames = 100_000         // the least that is sent then
)

// benchSwitch is a switch under test.
type benchSwitch struct {
	attach  func(conn net.Conn)
	gateway mac
	known   func() int // learned addresses
}

func newPatchlab(b *testing.B) benchSwitch {
	s := newStack(b, office())
	attach := func(conn net.Conn) {
		if _, err := s.Attach("office", conn); err != nil {
			b.Fatal(err)
		}
	}
	return benchSwitch{attach, s.gateways[0].mac, func() int { return s.Stats().Networks[0].Addresses }}
}

func newTap(b *testing.B) benchSwitch {
	logrus.SetOutput(io.Discard)
	sw := tap.NewSwitch(false)
	sw.Connect(deafGateway{})
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	attach := func(conn net.Conn) {
		go func() { _ = sw.Accept(ctx, conn, types.QemuProtocol) }()
	}
	return benchSwitch{attach, mac([]byte(deafGateway{}.LinkAddress())), func() int { return len(sw.CAM()) }}
}

// deafGateway is a device that takes everything and says nothing.
type deafGateway struct{}

func (deafGateway) DeliverNetworkPacket(tcpip.NetworkProtocolNumber, *stack.PacketBuffer) {}
func (deafGateway) LinkAddress() tcpip.LinkAddress                                        { return "\x52\x54\x00\x00\x00\x01" }

func (deafGateway) IP() string { return "192.168.1.1" }

type benchLoad struct {
	name        string
	size, batch int
	stall       bool // a third station reads nothing
	mixed       bool // it is sent every second frame, and reads
}

func (l benchLoad) run(b *testing.B, sw benchSwitch) {
	macs := []mac{testMAC(1), testMAC(2), testMAC(3)}
	conns := make([]net.Conn, len(macs))
	for i := range conns {
		var ours net.Conn
		ours, conns[i] = socketpair(b)
		sw.attach(ours)
		newStation(b, conns[i]).send(etherFrame(sw.gateway, macs[i], 0x88b5, 60, 0))
	}
	for sw.known() < len(macs) {
		runtime.Gosched()
	}
	n := b.N
	if l.stall {
		n = max(n, stallFrames)
		stall(b, conns[0], macs)
	}
	m := meter{conns: conns[1:2], size: l.size + prefixLen}
	pattern := [][]byte{wireOf(etherFrame(macs[1], macs[0], 0x88b5, l.size, 1))}
	if l.mixed {
		m.conns = conns[1:]
		pattern = append(pattern, wireOf(etherFrame(macs[2], macs[0], 0x88b5, l.size, 1)))
	}
	m.start()
	b.ResetTimer()
	m.feed(conns[0], pattern, n, l.batch, l.stall)
	b.StopTimer()
	seconds, frames := b.Elapsed().Seconds(), float64(m.frames())
	b.ReportMetric(frames/seconds, "frames/s")
	b.ReportMetric(frames*float64(l.size)/seconds/1e6, "MB/s")
	b.ReportMetric(float64(n)-frames, "lost")
	b.ReportMetric((1-frames/float64(n))*100, "lost%")
	for _, c := range conns {
		_ = c.Close()
	}
	m.running.Wait()
}

// stall fills the way to the third station, which reads nothing, until the
// switch can have nowhere to put more.
func stall(b *testing.B, from net.Conn, macs []mac) {
	wire := wireOf(etherFrame(macs[2], macs[0], 0x88b5, 1514, 3))
	for range 4 << 20 / len(wire) {
		_ = from.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := from.Write(wire); err != nil {
			b.Logf("the switch takes no more frames of another port: %v", err)
			break
		}
	}
}

// meter counts the frames of one size that arrive.
type meter struct {
	conns   []net.Conn
	size    int
	bytes   atomic.Int64
	more    chan struct{}
	running sync.WaitGroup
}

func (m *meter) start() {
	m.more = make(chan struct{}, 1)
	for _, conn := range m.conns {
		m.running.Go(func() { m.read(conn) })
	}
}

func (m *meter) read(conn net.Conn) {
	buf := make([]byte, 256<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		m.bytes.Add(int64(n))
		select {
		case m.more <- struct{}{}:
		default:
		}
	}
}

func (m *meter) frames() int64 { return m.bytes.Load() / int64(m.size) }

// feed sends n frames, those of the pattern in turn, within the window, and
// waits until all have arrived or the limit is over.
func (m *meter) feed(to net.Conn, pattern [][]byte, n, batch int, limited bool) {
	var deadline <-chan time.Time
	_ = to.SetWriteDeadline(time.Time{})
	if limited {
		deadline = time.After(stallLimit)
		_ = to.SetWriteDeadline(time.Now().Add(stallLimit))
	}
	var block []byte
	for i := range batch {
		block = append(block, pattern[i%len(pattern)]...)
	}
	window := max(batch, benchWindow/m.size)
	for sent := 0; ; {
		for sent < n && int64(sent+batch)-m.frames() <= int64(window) {
			k := min(batch, n-sent)
			if _, err := to.Write(block[:k*m.size]); err != nil {
				return
			}
			sent += k
		}
		if m.frames() >= int64(n) {
			return
		}
		select {
		case <-m.more:
		case <-deadline:
			return
		}
	}
}
