package network

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	maxAttempts        = 4096 // different ones that are kept
	maxMachineAttempts = 1024 // of one machine, so that a port scan hides nobody else's
)

// egressLog counts what machines tried to reach outside the lab. It is
// bounded: what no longer fits is only counted.
type egressLog struct {
	mu       sync.Mutex
	seen     map[egressKey]*lab.EgressAttempt
	machines map[string]int // different attempts of each
	overflow uint64
}

type egressKey struct {
	machine, protocol, to string
	source                netip.Addr
}

func newEgressLog() *egressLog {
	return &egressLog{seen: make(map[egressKey]*lab.EgressAttempt), machines: make(map[string]int)}
}

// record counts one attempt.
func (l *egressLog) record(machine string, source netip.Addr, protocol, to string) {
	now := time.Now()
	key := egressKey{machine: machine, source: source, protocol: protocol, to: to}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.seen[key]
	if a == nil {
		if len(l.seen) >= maxAttempts || l.machines[machine] >= maxMachineAttempts {
			l.overflow++
			return
		}
		a = &lab.EgressAttempt{Machine: machine, Source: source, Protocol: protocol, To: to, First: now}
		l.seen[key] = a
		l.machines[machine]++
	}
	a.Count++
	a.Last = now
}

// attempts returns a copy of all, most frequent first.
func (l *egressLog) attempts() []lab.EgressAttempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]lab.EgressAttempt, 0, len(l.seen))
	for _, a := range l.seen {
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b lab.EgressAttempt) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Machine, b.Machine),
			a.Source.Compare(b.Source), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.To, b.To))
	})
	return all
}

// overflowed returns how many attempts were not kept.
func (l *egressLog) overflowed() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.overflow
}
