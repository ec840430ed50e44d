package network

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	leaseTime = 24 * time.Hour
	offerTime = time.Minute
	// maxStrangers is how many hardware addresses that no machine of the lab
	// has may hold an address at once.
	maxStrangers = 4096
	// maxDeclined is how many addresses machines may declare to be in use by
	// somebody else.
	maxDeclined = 256
)

// leases knows which address every station of a network has.
//
// A machine without a declared address is given one of the pool from the
// start, in the order of the configuration. So it has the same address in
// every instance of a lab, also in one whose machines were forked from memory
// and never ask.
type leases struct {
	cfg Config
	log *slog.Logger

	mu        sync.Mutex
	hosts     []netip.Addr        // of cfg.Hosts
	taken     map[netip.Addr]bool // gateway, declared, given to cfg.Hosts, or declined
	strangers map[mac]lease       // of nobody in cfg.Hosts
	leased    map[netip.Addr]mac  // of strangers
	declined  map[netip.Addr]bool // part of taken
	byMAC     map[mac]int         // index in cfg.Hosts; never changed
}

type lease struct {
	addr    netip.Addr
	expires time.Time
}

func newLeases(cfg Config) (*leases, error) {
	l := &leases{
		cfg:       cfg,
		log:       slog.New(slog.DiscardHandler),
		hosts:     make([]netip.Addr, len(cfg.Hosts)),
		taken:     map[netip.Addr]bool{cfg.Gateway: true},
		strangers: make(map[mac]lease),
		leased:    make(map[netip.Addr]mac),
		declined:  make(map[netip.Addr]bool),
		byMAC:     make(map[mac]int, len(cfg.Hosts)),
	}
	for i, h := range cfg.Hosts {
		l.byMAC[mac(h.MAC)] = i
		if h.Address.IsValid() {
			l.hosts[i] = h.Address
			l.taken[h.Address] = true
		}
	}
	next := cfg.Subnet.Addr()
	for i, h := range cfg.Hosts {
		if h.Address.IsValid() {
			continue
		}
		a, ok := l.free(next)
		if !ok {
			return nil, fmt.Errorf("network %q: no address of %s is left for machine %q", cfg.Name, cfg.Subnet, h.Machine)
		}
		l.hosts[i], l.taken[a], next = a, true, a
	}
	return l, nil
}

// free returns the first address behind after that nobody has.
func (l *leases) free(after netip.Addr) (netip.Addr, bool) {
	for a := after.Next(); hostAddr(l.cfg.Subnet, a); a = a.Next() {
		if _, leased := l.leased[a]; !leased && !l.taken[a] {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// address returns the address of host i of the configuration.
func (l *leases) address(i int) netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hosts[i]
}

// machineByMAC names the machine with hardware address m, or nobody.
func (l *leases) machineByMAC(m mac) string {
	if i, ok := l.byMAC[m]; ok {
		return l.cfg.Hosts[i].Machine
	}
	return ""
}

// machineByAddr names the machine with address a, or nobody.
func (l *leases) machineByAddr(a netip.Addr) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.hosts, a); i >= 0 {
		return l.cfg.Hosts[i].Machine
	}
	return ""
}

// grant returns the address for m and holds it for d. It is want when a
// stranger wants a free address, and false when none is left.
func (l *leases) grant(m mac, want netip.Addr, d time.Duration, now time.Time) (netip.Addr, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.byMAC[m]; ok {
		return l.hosts[i], true
	}
	a, ok := l.strangerAddr(m, want, now)
	if !ok {
		return netip.Addr{}, false
	}
	expires := now.Add(d)
	if held, ok := l.strangers[m]; ok && held.addr == a && held.expires.After(expires) {
		expires = held.expires // an offer does not shorten a lease
	}
	l.strangers[m] = lease{addr: a, expires: expires}
	l.leased[a] = m
	return a, true
}

// strangerAddr chooses an address for m: the one it has, the one it wants, or
// the first free one.
func (l *leases) strangerAddr(m mac, want netip.Addr, now time.Time) (netip.Addr, bool) {
	if held, ok := l.strangers[m]; ok {
		return held.addr, true
	}
	if len(l.strangers) >= maxStrangers {
		l.expire(now)
	}
	if len(l.strangers) >= maxStrangers {
		return netip.Addr{}, false
	}
	if _, leased := l.leased[want]; hostAddr(l.cfg.Subnet, want) && !leased && !l.taken[want] {
		return want, true
	}
	if a, ok := l.free(l.cfg.Subnet.Addr()); ok {
		return a, true
	}
	l.expire(now)
	return l.free(l.cfg.Subnet.Addr())
}

// expire takes back the addresses of strangers whose time is over.
func (l *leases) expire(now time.Time) {
	for m, held := range l.strangers {
		if now.After(held.expires) {
			delete(l.strangers, m)
			delete(l.leased, held.addr)
		}
	}
}

// release gives the address of m back. A machine of the lab keeps its own.
func (l *leases) release(m mac, a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, ok := l.strangers[m]; ok && held.addr == a {
		delete(l.strangers, m)
		delete(l.leased, a)
	}
}

// decline notes that m found a in use by somebody else, and gives m another.
// A declared address stays: there it is the other who is wrong.
func (l *leases) decline(m mac, a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.declined) >= maxDeclined {
		return
	}
	l.log.Warn("an address is declined: somebody else uses it", "address", a, "by", MAC(m[:]).String())
	if held, ok := l.strangers[m]; ok && held.addr == a {
		delete(l.strangers, m)
		delete(l.leased, a)
		l.taken[a], l.declined[a] = true, true
		return
	}
	i, ok := l.byMAC[m]
	if !ok || l.hosts[i] != a || l.cfg.Hosts[i].Address.IsValid() {
		return
	}
	if other, ok := l.free(a); ok {
		l.hosts[i], l.taken[other], l.declined[a] = other, true, true
	}
}

// lastAddr is the broadcast address of an IPv4 network.
func lastAddr(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	n := binary.BigEndian.Uint32(a[:]) | uint32(uint64(1)<<(32-p.Bits())-1) //nolint:gosec // 32 bits by its shift
	binary.BigEndian.PutUint32(a[:], n)
	return netip.AddrFrom4(a)
}
