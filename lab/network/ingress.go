package network

import "encoding/binary"

// wayKind is what becomes of a frame.
type wayKind int

const (
	toPort    wayKind = iota + 1
	toGateway         // to the gateway alone
	toGroup           // to all other ports and the gateway
	toUnknown         // to all other ports
	toNobody          // the addressee is behind the port it came from
)

// way is where a frame goes.
type way struct {
	kind wayKind
	port *port // of toPort
}

// run is a number of frames in a row that go the same way.
type run struct {
	way        way
	start, end int // in the buffer it was read into
	frames     int
}

// ingress decides where the frames of one port go. It remembers the last
// decision: frames come in flows.
type ingress struct {
	port    *port
	addrs   [12]byte // of the last frame
	version uint64   // of the switch, when the decision was taken
	last    way
}

// way decides where a frame goes, and learns where it came from.
func (in *ingress) way(frame []byte) way {
	sw := in.port.sw
	version := sw.version.Load()
	addrs := [12]byte(frame)
	if in.last.kind != 0 && version == in.version && addrs == in.addrs {
		return in.last
	}
	dst, src := mac(addrs[:6]), mac(addrs[6:])
	if !src.group() && src != sw.gateway && sw.table.learn(src, in.port) {
		sw.version.Add(1)
	}
	in.addrs, in.version, in.last = addrs, version, in.decide(dst)
	return in.last
}

func (in *ingress) decide(dst mac) way {
	sw := in.port.sw
	switch {
	case dst.group():
		return way{kind: toGroup}
	case sw.deliver != nil && dst == sw.gateway:
		return way{kind: toGateway}
	}
	switch p := sw.table.lookup(dst); p {
	case nil:
		return way{kind: toUnknown}
	case in.port:
		return way{kind: toNobody}
	default:
		return way{kind: toPort, port: p}
	}
}

// finish sends a run on its way. Wire is its frames, each behind its length.
func (in *ingress) finish(r run, wire []byte) {
	if r.frames == 0 {
		return
	}
	sw := in.port.sw
	in.port.frames.Add(uint64(r.frames))
	sw.frames.Add(uint64(r.frames))
	sw.bytes.Add(uint64(len(wire) - prefixLen*r.frames))
	switch r.way.kind {
	case toPort:
		r.way.port.out.put(wire, r.frames)
	case toUnknown:
		sw.flood(wire, r.frames, in.port)
	case toGroup:
		sw.flood(wire, r.frames, in.port)
		in.deliver(wire)
	case toGateway:
		in.deliver(wire)
	case toNobody:
	}
}

// deliver gives each frame to the gateway.
func (in *ingress) deliver(wire []byte) {
	if in.port.sw.deliver == nil {
		return
	}
	for len(wire) > 0 {
		end := prefixLen + int(binary.BigEndian.Uint32(wire))
		in.port.sw.deliver(wire[prefixLen:end], in.port)
		wire = wire[end:]
	}
}
