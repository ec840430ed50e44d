package virt

import "testing"

// Libvirt waits for its own children and for the leader of a new session
// itself; only what that leader forked is the reaper's.
func TestDetached(t *testing.T) {
	const self, leader = 100, 200
	for _, tt := range []struct {
		name         string
		pid, session int
		want         bool
	}{
		{"a child of ours", 150, self, false},
		{"the process that detaches", leader, leader, false},
		{"the machine it left", 201, leader, true},
	} {
		if got := detached(tt.pid, tt.session, self); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
