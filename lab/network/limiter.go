package network

import (
	"sync"
	"time"
)

const (
	refusalRate  = 1000 // per second
	refusalBurst = 200
)

// limiter bounds how many refusals a port is sent, so that a flood of egress
// is not doubled. The zero limiter is full.
type limiter struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// allow reports whether one more may be sent at now.
func (l *limiter) allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.IsZero() {
		l.tokens = refusalBurst
	} else {
		l.tokens = min(refusalBurst, l.tokens+now.Sub(l.last).Seconds()*refusalRate)
	}
	l.last = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
