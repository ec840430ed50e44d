package network

import "sync"

// mac is a hardware address as a map key.
type mac [6]byte

// group reports whether m addresses more than one station: broadcast or
// multicast.
func (m mac) group() bool { return m[0]&1 != 0 }

// maxLearned is how many addresses one port may own. A machine that invents
// more only pushes out its own.
const maxLearned = 1024

// macTable says behind which port each hardware address was last seen.
type macTable struct {
	mu    sync.RWMutex
	ports map[mac]*port
}

func newMACTable() *macTable { return &macTable{ports: make(map[mac]*port)} }

// lookup returns the port of m, nil when it is unknown.
func (t *macTable) lookup(m mac) *port {
	t.mu.RLock()
	p := t.ports[m]
	t.mu.RUnlock()
	return p
}

// learn notes that m is behind p and reports whether that is news. A port
// that has been forgotten learns nothing more.
func (t *macTable) learn(m mac, p *port) bool {
	if t.lookup(m) == p {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.gone || t.ports[m] == p {
		return false
	}
	if len(p.learned) < maxLearned {
		p.learned = append(p.learned, m)
	} else {
		old := p.learned[p.oldest]
		if t.ports[old] == p {
			delete(t.ports, old)
		}
		p.learned[p.oldest] = m
		p.oldest = (p.oldest + 1) % maxLearned
	}
	t.ports[m] = p
	return true
}

// forget drops every address of p, for good.
func (t *macTable) forget(p *port) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.gone = true
	for _, m := range p.learned {
		if t.ports[m] == p {
			delete(t.ports, m)
		}
	}
	p.learned = nil
}

// size returns the number of known addresses.
func (t *macTable) size() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.ports)
}
