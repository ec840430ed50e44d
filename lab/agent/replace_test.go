package agent_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/network"
)

func TestReplace(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.StartAll(ctx))
	next := slices.Clone(s.spec.Machines)
	slices.Reverse(next)
	for i := range next {
		next[i].Disks = []agent.DiskSpec{{Path: s.path(next[i].Name + "-2.qcow2"), Format: "qcow2"}}
		next[i].NVRAM = s.path(next[i].Name + "-2.fd")
		next[i].NeedMiB = 77
	}
	noError(t, s.client.Replace(ctx, next))
	s.states(t, "running", "running")
	got, err := agent.ReadSpec(s.spec.SpecPath())
	noError(t, err)
	want := *s.spec
	want.Machines = []agent.MachineSpec{next[1], next[0]} // in the Spec's order
	if diff := cmp.Diff(&want, got, cmp.Comparer(sameAddr), cmp.Comparer(samePrefix)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(s.spec.SpecPath()); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if s.spec.Machines[0].NeedMiB != 0 {
		t.Error("the Spec that others may read was changed")
	}
}

func TestReplaceRefuses(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.StartAll(ctx))
	for name, harm := range map[string]func([]agent.MachineSpec) []agent.MachineSpec{
		"none":      func([]agent.MachineSpec) []agent.MachineSpec { return nil },
		"one":       func(m []agent.MachineSpec) []agent.MachineSpec { return m[:1] },
		"twice":     func(m []agent.MachineSpec) []agent.MachineSpec { return []agent.MachineSpec{m[0], m[0]} },
		"three":     func(m []agent.MachineSpec) []agent.MachineSpec { return append(m, m[0]) },
		"uuid":      func(m []agent.MachineSpec) []agent.MachineSpec { m[1].UUID = m[0].UUID; return m },
		"console":   func(m []agent.MachineSpec) []agent.MachineSpec { m[1].ConsoleSocket += "x"; return m },
		"log":       func(m []agent.MachineSpec) []agent.MachineSpec { m[1].ConsoleLog += "x"; return m },
		"no nic":    func(m []agent.MachineSpec) []agent.MachineSpec { m[1].NICs = nil; return m },
		"no disk":   func(m []agent.MachineSpec) []agent.MachineSpec { m[1].Disks = nil; return m },
		"no memory": func(m []agent.MachineSpec) []agent.MachineSpec { m[1].MemoryMiB = 0; return m },
		"ram":       func(m []agent.MachineSpec) []agent.MachineSpec { m[1].RAM = &agent.RAMSpec{Path: "ram"}; return m },
		"mac": func(m []agent.MachineSpec) []agent.MachineSpec {
			m[1].NICs[0].MAC = network.MAC{2, 0, 0, 0, 0, 9}
			return m
		},
		"nic socket": func(m []agent.MachineSpec) []agent.MachineSpec { m[1].NICs[0].Socket += "x"; return m },
	} {
		t.Run(name, func(t *testing.T) {
			next := slices.Clone(s.spec.Machines)
			for i := range next {
				next[i].NICs = slices.Clone(next[i].NICs)
			}
			before := len(s.hv.Calls())
			hasCode(t, s.client.Replace(ctx, harm(next)), "bad-request")
			if calls := s.hv.Calls()[before:]; len(calls) > 0 || exists(s.spec.SpecPath()) {
				t.Errorf("touched: %q, spec written: %v", calls, exists(s.spec.SpecPath()))
			}
		})
	}
	s.states(t, "running", "running")
}

func TestReplaceFailures(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	noError(t, s.client.StartAll(ctx))
	s.hv.FailCall("destroy", "b", errBroken)
	failed(t, s.client.Replace(ctx, s.spec.Machines), "b")
	if exists(s.spec.SpecPath()) {
		t.Error("the Spec was written, though the old machines are still there")
	}
	s.hv.FailCall("destroy", "b", nil)

	// Its place is taken by what a file cannot replace.
	noError(t, os.Mkdir(s.spec.SpecPath(), 0o700))
	err := s.client.Replace(ctx, s.spec.Machines)
	hasCode(t, err, "failed")
	if !strings.Contains(err.Error(), "the machines are off") {
		t.Errorf("the error does not say what is: %v", err)
	}
	s.states(t, "off", "off")
	noError(t, os.Remove(s.spec.SpecPath()))

	// The Spec is there before machines start with its files.
	s.hv.FailCall("start", "a", errBroken)
	next := slices.Clone(s.spec.Machines)
	next[0].NeedMiB = 5
	failed(t, s.client.Replace(ctx, next), "a")
	s.states(t, "off", "off")
	got, err := agent.ReadSpec(s.spec.SpecPath())
	noError(t, err)
	if got.Machines[0].NeedMiB != 5 {
		t.Error("the new Spec was not written")
	}
	s.hv.FailCall("start", "a", nil)
	noError(t, s.client.StartAll(ctx))
	s.states(t, "running", "running")
}

// TestReplaceWhileOthersLook is for the race detector.
func TestReplaceWhileOthersLook(t *testing.T) {
	s, ctx := serveAPI(t), t.Context()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				_, err := s.client.Status(ctx)
				noError(t, err)
				if c, err := s.client.DialMachine(ctx, "a", 22); err == nil {
					_ = c.Close()
				}
			}
		})
	}
	for range 5 {
		noError(t, s.client.Replace(ctx, s.spec.Machines))
	}
	wg.Wait()
	s.states(t, "running", "running")
}
