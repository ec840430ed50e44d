//go:build e2e

package virt_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
	"github.com/patchlab/patchlab/snapshots/virt"
)

// A machine without anything to boot stays in its firmware, which counts the
// timer's ticks in its memory: it needs no guest to be seen running.
const (
	tickAddress  = 0x46c
	nonceAddress = 32 << 20
	nonce        = 0x70617463686c6162
)

// goldenVariable is the folder where the processes of a test share a RAM file
// and states.
const goldenVariable = "PATCHLAB_TEST_GOLDEN"

// part is a golden folder's, for a test's part in a process of its own; ""
// where that was not asked for.
func part(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(goldenVariable)
	if dir == "" {
		t.Skip("a part of another test")
	}
	return dir
}

// hypervisor opens one for a fresh instance, and returns its first machine.
func hypervisor(t *testing.T) (agent.Hypervisor, *agent.Spec, agent.MachineSpec) {
	t.Helper()
	spec := agenttest.Spec(t)
	spec.CacheDir = os.Getenv(childVariable)
	zeros(t, spec)
	agenttest.Listen(t, spec)
	h := open(t, spec)
	t.Cleanup(func() { step(t, "close", func() error { return h.Close(context.Background()) }) })
	return h, spec, spec.Machines[0]
}

// step does what must succeed, and says how long it took.
func step(t *testing.T, what string, f func() error) {
	t.Helper()
	started := time.Now()
	if err := f(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	t.Logf("%s: %v", what, time.Since(started).Round(time.Millisecond))
}

// peek reads a word of a machine's memory.
func peek(t *testing.T, h agent.Hypervisor, name string, address int) uint64 {
	t.Helper()
	var s string
	err := virt.Execute(h, name, "human-monitor-command", map[string]any{
		"command-line": fmt.Sprintf("xp /1gx %#x", address),
	}, &s)
	if err != nil {
		t.Fatal(err)
	}
	_, word, _ := strings.Cut(strings.TrimSpace(s), ": 0x")
	n, err := strconv.ParseUint(word, 16, 64)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return n
}

// poke writes the nonce to the memory in a RAM file.
func poke(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(binary.LittleEndian.AppendUint64(nil, nonce), nonceAddress); err != nil {
		t.Fatal(err)
	}
}

func ticks(t *testing.T, h agent.Hypervisor, name string) uint32 {
	t.Helper()
	return uint32(peek(t, h, name, tickAddress)) // of eight bytes, the first four
}

// runs fails when a machine's firmware does not count.
func runs(t *testing.T, h agent.Hypervisor, name string) {
	t.Helper()
	state(t, h, name, "running", "")
	before := ticks(t, h, name)
	for deadline := time.Now().Add(20 * time.Second); ticks(t, h, name) == before; {
		if time.Now().After(deadline) {
			t.Fatalf("machine %q stands still", name)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func state(t *testing.T, h agent.Hypervisor, name, want, reason string) {
	t.Helper()
	s, err := h.State(t.Context(), name)
	if err != nil || s.State != want || s.Reason != reason {
		t.Errorf("state %+v, %v; want %q, %q", s, err, want, reason)
	}
}

// clock is a machine's hardware clock.
func clock(t *testing.T, h agent.Hypervisor, name string) time.Time {
	t.Helper()
	var tm struct {
		Year int `json:"tm_year"`
		Mon  int `json:"tm_mon"`
		Mday int `json:"tm_mday"`
		Hour int `json:"tm_hour"`
		Min  int `json:"tm_min"`
		Sec  int `json:"tm_sec"`
	}
	err := virt.Execute(h, name, "qom-get", map[string]any{"path": "/machine", "property": "rtc-time"}, &tm)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(1900+tm.Year, time.Month(tm.Mon+1), tm.Mday, tm.Hour, tm.Min, tm.Sec, 0, time.UTC)
}

func hash(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// copyFor copies a file, for QEMU to write.
func copyFor(t *testing.T, src, dst string) string {
	t.Helper()
	owner, err := agent.QEMUOwner()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dst, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := owner.Give(dst, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(dst)
}
