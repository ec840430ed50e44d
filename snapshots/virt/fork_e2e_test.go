//go:build e2e

package virt_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
)

// TestForks saves a machine in one process, and forks it in two others.
func TestForks(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		t.Skip("in parts")
	}
	spec, cache := agenttest.Spec(t), t.TempDir()
	ram := agenttest.GiveRAM(t, spec, spec.Machines[0]).RAM.Path
	t.Setenv(goldenVariable, spec.Dir)
	child(t, cache, "^TestForksSave$")
	before := hash(t, ram)
	time.Sleep(3 * time.Second) // for the clocks
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { child(t, cache, "^TestForksLoad$") })
	}
	wg.Wait()
	if hash(t, ram) != before {
		t.Error("forks changed the RAM file")
	}
}

// TestForksSave saves, goes on and saves again.
func TestForksSave(t *testing.T) {
	dir := part(t)
	h, _, m := hypervisor(t)
	ctx := t.Context()
	m.RAM = &agent.RAMSpec{Path: filepath.Join(dir, "a.ram"), Shared: true}
	step(t, "start", func() error { return h.Start(ctx, m) })
	for _, file := range []string{"first", "a.state"} {
		path := filepath.Join(dir, file)
		runs(t, h, m.Name)
		step(t, "suspend", func() error { return h.Suspend(ctx, m.Name) })
		poke(t, m.RAM.Path)
		step(t, "save", func() error { return h.Save(ctx, m.Name, path) })
		state(t, h, m.Name, "paused", "user")
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() > 4<<20 {
			t.Errorf("the state of the devices: %+v, %v", info, err)
		}
		if err := h.Save(ctx, m.Name, path); err == nil {
			t.Error("saved over a file")
		}
		state(t, h, m.Name, "paused", "user")
		step(t, "screenshot", func() error { _, err := h.Screenshot(ctx, m.Name); return err })
		if file == "first" {
			step(t, "resume", func() error { return h.Resume(ctx, m.Name) })
			runs(t, h, m.Name)
		}
	}
	step(t, "destroy", func() error { return h.Destroy(ctx, m.Name) })
	state(t, h, m.Name, "off", "destroyed")
}

// TestForksLoad forks, and saves the fork, whose memory is in no file, whole.
func TestForksLoad(t *testing.T) {
	dir := part(t)
	h, spec, m := hypervisor(t)
	ctx := t.Context()
	m.RAM, m.State = &agent.RAMSpec{Path: filepath.Join(dir, "a.ram")}, filepath.Join(dir, "a.state")
	step(t, "fork", func() error { return h.Start(ctx, m) })
	state(t, h, m.Name, "paused", "user")
	step(t, "screenshot", func() error { _, err := h.Screenshot(ctx, m.Name); return err })
	step(t, "resume", func() error { return h.Resume(ctx, m.Name) })
	runs(t, h, m.Name)
	if late := time.Since(clock(t, h, m.Name)); late < -2*time.Second || late > 2*time.Second {
		t.Errorf("the hardware clock is %v late", late)
	}
	step(t, "suspend", func() error { return h.Suspend(ctx, m.Name) })
	at := ticks(t, h, m.Name)

	m.RAM, m.State = nil, filepath.Join(spec.Dir, "whole")
	step(t, "save whole", func() error { return h.Save(ctx, m.Name, m.State) })
	state(t, h, m.Name, "off", "saved")
	step(t, "load whole", func() error { return h.Start(ctx, m) })
	state(t, h, m.Name, "paused", "user")
	if now := ticks(t, h, m.Name); now != at {
		t.Errorf("%d ticks when loaded, %d when saved", now, at)
	}
	if got := peek(t, h, m.Name, nonceAddress); got != nonce {
		t.Errorf("%x in memory, want the golden nonce", got)
	}
	step(t, "resume", func() error { return h.Resume(ctx, m.Name) })
	runs(t, h, m.Name)
}

// TestLoadRefuses loads what does not fit, and then what does.
func TestLoadRefuses(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		child(t, t.TempDir(), "^TestLoadRefuses$")
		return
	}
	h, spec, m := hypervisor(t)
	ctx, good := t.Context(), filepath.Join(spec.Dir, "good")
	m = agenttest.GiveRAM(t, spec, m)
	larger := agenttest.GiveRAM(t, spec, agent.MachineSpec{Name: "larger", MemoryMiB: 2 * m.MemoryMiB})
	step(t, "start", func() error { return h.Start(ctx, m) })
	runs(t, h, m.Name)
	step(t, "suspend", func() error { return h.Suspend(ctx, m.Name) })
	step(t, "save", func() error { return h.Save(ctx, m.Name, good) })
	step(t, "destroy", func() error { return h.Destroy(ctx, m.Name) })
	m.State, m.RAM = good, &agent.RAMSpec{Path: m.RAM.Path}
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(spec.Dir, "bad")
	for want, harm := range map[string]func(*agent.MachineSpec) []byte{
		"load of migration failed": func(*agent.MachineSpec) []byte { return b[:len(b)/2] },
		"Not a migration stream":   func(*agent.MachineSpec) []byte { return bytes.Repeat([]byte("x"), len(b)) },
		"capability is on":         func(m *agent.MachineSpec) []byte { m.RAM = nil; return b },
		"Size mismatch":            func(m *agent.MachineSpec) []byte { m.RAM, m.MemoryMiB = larger.RAM, larger.MemoryMiB; return b },
		"want a regular file":      func(m *agent.MachineSpec) []byte { m.MemoryMiB++; return b },
	} {
		m := m
		m.State = bad
		if err := os.WriteFile(bad, harm(&m), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := h.Start(ctx, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		} else {
			t.Log(err)
		}
		if s, err := h.State(ctx, m.Name); err != nil || s.State == "running" || s.State == "paused" {
			t.Errorf("%s: state %+v, %v", want, s, err)
		}
	}
	step(t, "load", func() error { return h.Start(ctx, m) })
	step(t, "resume", func() error { return h.Resume(ctx, m.Name) })
	runs(t, h, m.Name)
}

// TestForkUEFI forks a machine with its own copy of the firmware's variables.
func TestForkUEFI(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		child(t, t.TempDir(), "^TestForkUEFI$")
		return
	}
	const variables = "/usr/share/OVMF/OVMF_VARS_4M.fd"
	if _, err := os.Stat(variables); err != nil {
		t.Skip(err)
	}
	h, spec, m := hypervisor(t)
	ctx, name, saved := t.Context(), m.Name, filepath.Join(spec.Dir, "state")
	m = agenttest.GiveRAM(t, spec, m)
	m.Firmware, m.NVRAM = "uefi", copyFor(t, variables, filepath.Join(spec.Dir, "vars"))
	step(t, "start", func() error { return h.Start(ctx, m) })
	time.Sleep(2 * time.Second)
	step(t, "suspend", func() error { return h.Suspend(ctx, name) })
	want, err := h.Screenshot(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	step(t, "save", func() error { return h.Save(ctx, name, saved) })
	step(t, "destroy", func() error { return h.Destroy(ctx, name) })
	m.NVRAM = copyFor(t, m.NVRAM, filepath.Join(spec.Dir, "vars2"))
	m.RAM, m.State = &agent.RAMSpec{Path: m.RAM.Path}, saved
	step(t, "fork", func() error { return h.Start(ctx, m) })
	if got, err := h.Screenshot(ctx, name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the fork shows something else: %v", err)
	}
	step(t, "resume", func() error { return h.Resume(ctx, name) })
	state(t, h, name, "running", "")
}
