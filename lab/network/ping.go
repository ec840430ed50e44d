package network

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	// MaxPings is how many requests one Ping may send.
	MaxPings = 100
	// pingWait is how long the last answer may take: an emulated machine is
	// slow.
	pingWait = 3 * time.Second
	// pingEvery is the time between requests while answers are missing.
	pingEvery = time.Second
	// pingRest is the time between an answer and the next request.
	pingRest = 100 * time.Millisecond
	// pingBytes is what each request carries, as ping does.
	pingBytes = 56
)

// Ping sends count ICMP echo requests, at most MaxPings, from a network's
// gateway, the next one after an answer or a second, and waits three seconds
// after the last. It returns how many were answered, and how long the fastest
// took. Host is a name or an
// address; errors are those of Dial, but for the errno: that nobody answers is
// no error.
func (s *Stack) Ping(ctx context.Context, network, host string, count int) (answered int, fastest time.Duration, err error) {
	answered, fastest, err = s.ping(ctx, network, host, count)
	if err != nil {
		return answered, fastest, &net.OpError{Op: "ping", Net: "icmp", Err: err}
	}
	return answered, fastest, nil
}

func (s *Stack) ping(ctx context.Context, network, host string, count int) (answered int, fastest time.Duration, err error) {
	if count < 1 || count > MaxPings {
		return 0, 0, fmt.Errorf("the number of requests must be 1 to %d", MaxPings)
	}
	g, err := s.gateway(network)
	if err != nil {
		return 0, 0, err
	}
	targets, err := g.resolve(s.names.zone, net.JoinHostPort(host, "1"))
	if err != nil {
		return 0, 0, err
	}
	to := targets[0].Addr()
	if err := s.permits(g, to); err != nil {
		return 0, 0, err
	}
	var wq waiter.Queue
	ep, terr := s.net.NewEndpoint(icmp.ProtocolNumber4, ipv4.ProtocolNumber, &wq)
	if terr != nil {
		return 0, 0, errnoOf(terr)
	}
	defer ep.Close()
	if terr := ep.Bind(tcpip.FullAddress{Addr: tcpipAddr(g.addr)}); terr != nil {
		return 0, 0, errnoOf(terr)
	}
	if terr := ep.Connect(tcpip.FullAddress{Addr: tcpipAddr(to)}); terr != nil {
		return 0, 0, errnoOf(terr)
	}
	p := &pinger{ep: ep, wq: &wq, closed: s.closed, sent: make([]time.Time, 0, count), got: make([]bool, count)}
	err = p.run(ctx, count)
	return p.answered, p.fastest, err
}

// pinger is an ICMP endpoint; its identifier is the netstack's business.
type pinger struct {
	ep       tcpip.Endpoint
	wq       *waiter.Queue
	closed   <-chan struct{}
	sent     []time.Time // request n has the sequence number n+1
	got      []bool      // whether it was answered
	answered int
	fastest  time.Duration
}

// run sends the requests and waits for their answers.
func (p *pinger) run(ctx context.Context, count int) error {
	entry, readable := waiter.NewChannelEntry(waiter.ReadableEvents)
	p.wq.EventRegister(&entry)
	defer p.wq.EventUnregister(&entry)
	due := time.NewTimer(0)
	defer due.Stop()
	for p.answered < count {
		select {
		case <-readable:
			p.collect()
			if p.answered == len(p.sent) {
				due.Reset(pingRest)
			}
		case <-due.C:
			if len(p.sent) == count {
				return nil // the last one has been waited for
			}
			p.send()
			due.Reset(pingEvery)
			if len(p.sent) == count {
				due.Reset(pingWait)
			}
		case <-p.closed:
			return net.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// send sends the next request. What cannot be sent is a request without an
// answer: nobody has the address, say.
func (p *pinger) send() {
	request := make(header.ICMPv4, header.ICMPv4MinimumSize+pingBytes)
	request.SetType(header.ICMPv4Echo)
	p.sent = append(p.sent, time.Now())
	request.SetSequence(uint16(len(p.sent))) //nolint:gosec // at most MaxPings
	_, _ = p.ep.Write(bytes.NewReader(request), tcpip.WriteOptions{})
}

// collect takes the answers that have come, each once.
func (p *pinger) collect() {
	for {
		answer, ok := p.read()
		if !ok {
			return
		}
		n := int(answer.Sequence()) - 1
		if answer.Type() != header.ICMPv4EchoReply || n < 0 || n >= len(p.sent) || p.got[n] {
			continue
		}
		if took := time.Since(p.sent[n]); p.answered == 0 || took < p.fastest {
			p.fastest = took
		}
		p.got[n] = true
		p.answered++
	}
}

// read takes the header of an answer that has come. The netstack gives whole
// headers.
func (p *pinger) read() (header.ICMPv4, bool) {
	head := make(header.ICMPv4, header.ICMPv4MinimumSize)
	w := tcpip.SliceWriter(head)
	_, err := p.ep.Read(&w, tcpip.ReadOptions{})
	if _, long := err.(*tcpip.ErrBadBuffer); err != nil && !long {
		return nil, false // nothing has come, or an earlier request's error
	}
	return head, true
}
