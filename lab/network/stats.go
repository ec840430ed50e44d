package network

// Stats is what the networks of an instance did so far.
type Stats struct {
	Networks []NetworkStats `json:"networks"` // in the order of the configuration
	// EgressOverflow counts the attempts that Egress no longer lists one by
	// one.
	EgressOverflow uint64 `json:"egress_overflow"`
}

// NetworkStats counts what one network's switch did.
type NetworkStats struct {
	Network   string      `json:"network"`
	Frames    uint64      `json:"frames"`    // switched, from ports and gateway
	Bytes     uint64      `json:"bytes"`     // of these frames
	Floods    uint64      `json:"floods"`    // those of them that went to every port
	Malformed uint64      `json:"malformed"` // dropped: too short, or longer than the network's MTU allows
	Dropped   uint64      `json:"dropped"`   // dropped: the port's queue was full
	Addresses int         `json:"addresses"` // hardware addresses known
	Ports     []PortStats `json:"ports"`     // that are attached now, in the order they came
}

// PortStats counts what one port did.
type PortStats struct {
	Received  uint64 `json:"received"`  // frames from it
	Queued    uint64 `json:"queued"`    // frames for it
	Malformed uint64 `json:"malformed"` // frames from it that were dropped
	Dropped   uint64 `json:"dropped"`   // frames for it that were dropped: its queue was full
}

// Stats returns the counters of all networks.
func (s *Stack) Stats() Stats {
	st := Stats{EgressOverflow: s.egress.overflowed()}
	for _, g := range s.gateways {
		n := g.sw.stats()
		n.Network = g.cfg.Name
		st.Networks = append(st.Networks, n)
	}
	return st
}

func (s *ethSwitch) stats() NetworkStats {
	s.mu.Lock() // no port may go from the list to the past meanwhile
	defer s.mu.Unlock()
	n := NetworkStats{
		Frames: s.frames.Load(), Bytes: s.bytes.Load(), Floods: s.floods.Load(),
		Malformed: s.pastMalformed.Load(), Dropped: s.pastLost.Load(),
		Addresses: s.table.size(), Ports: []PortStats{},
	}
	for _, p := range *s.ports.Load() {
		queued, lost := p.out.counts()
		ps := PortStats{Received: p.frames.Load(), Queued: queued, Malformed: p.malformed.Load(), Dropped: lost}
		n.Malformed += ps.Malformed
		n.Dropped += ps.Dropped
		n.Ports = append(n.Ports, ps)
	}
	return n
}
