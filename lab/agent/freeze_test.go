package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/patchlab/patchlab/lab/agent"
	"github.com/patchlab/patchlab/lab/agent/agenttest"
)

// frozen is an instance whose machines run, with what freezes it into the
// folder "f". Machine "a" has a shared RAM file, "b" none.
func frozen(t *testing.T) (*served, []agent.Freezing) {
	t.Helper()
	s := serveAPI(t)
	a, b := agenttest.GiveRAM(t, s.spec, s.spec.Machines[0]), s.spec.Machines[1]
	noError(t, s.client.Replace(t.Context(), []agent.MachineSpec{a, b}))
	s.hv.SetMemory("a", "one")
	s.hv.SetMemory("b", "two")
	noError(t, os.WriteFile(s.path("a.disk"), []byte("disk of a"), 0o600))
	noError(t, os.WriteFile(s.path("b.disk"), []byte("disk of b"), 0o600))
	noError(t, os.Mkdir(s.path("f"), 0o700))
	return s, []agent.Freezing{
		{Machine: "a", State: s.path("f/a.state"), Copies: []agent.Copy{
			{From: a.RAM.Path, To: s.path("f/a.ram")}, {From: s.path("a.disk"), To: s.path("f/a.disk")},
		}},
		{Machine: "b", State: s.path("f/b.state"), Copies: []agent.Copy{{From: s.path("b.disk"), To: s.path("f/b.disk")}}},
	}
}

func (s *served) path(name string) string { return filepath.Join(s.spec.Dir, name) }

// files are the names in the folder "f".
func (s *served) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(s.path("f"))
	noError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// untouched checks that machines run as before and no file was made.
func (s *served) untouched(t *testing.T) {
	t.Helper()
	s.states(t, "running", "running")
	if a, b := s.hv.Memory("a"), s.hv.Memory("b"); a != "one" || b != "two" {
		t.Errorf("memories %q and %q", a, b)
	}
	if files := s.files(t); len(files) > 0 {
		t.Errorf("left: %q", files)
	}
}

var frozenFiles = []string{"a.disk", "a.ram", "a.state", "b.disk", "b.state"}

func TestFreezeAndGoOn(t *testing.T) {
	s, fs := frozen(t)
	before := len(s.hv.Calls())
	noError(t, s.client.Freeze(t.Context(), fs, true))
	s.states(t, "running", "running")
	if a, b := s.hv.Memory("a"), s.hv.Memory("b"); a != "one" || b != "two" {
		t.Errorf("memories %q and %q", a, b)
	}
	if got := s.files(t); !slices.Equal(got, frozenFiles) {
		t.Errorf("files %q", got)
	}
	if b, err := os.ReadFile(s.path("f/b.disk")); string(b) != "disk of b" || err != nil {
		t.Errorf("copied %q, %v", b, err)
	}
	calls := s.hv.Calls()[before:]
	for _, step := range [][]string{calls[:2], calls[2:4], calls[5:]} {
		slices.Sort(step) // of machines side by side
	}
	want := []string{"suspend a", "suspend b", "save a", "save b", "start b", "resume a", "resume b"}
	if !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
}

func TestFreezeAndStay(t *testing.T) {
	s, fs := frozen(t)
	noError(t, s.client.Freeze(t.Context(), fs, false))
	s.states(t, "paused", "off")
	if got := s.files(t); !slices.Equal(got, frozenFiles) {
		t.Errorf("files %q", got)
	}
	// The instance becomes a fork of itself.
	var forks []agent.MachineSpec
	for i, m := range s.spec.Machines {
		m.State = fs[i].State
		if m.Name == "a" {
			s.hv.SetMemory("a", "later")
			m.RAM = &agent.RAMSpec{Path: s.path("f/a.ram")}
		}
		forks = append(forks, m)
	}
	noError(t, s.client.Replace(t.Context(), forks))
	s.states(t, "running", "running")
	if a, b := s.hv.Memory("a"), s.hv.Memory("b"); a != "one" || b != "two" {
		t.Errorf("memories %q and %q", a, b)
	}
}

func TestFreezeKeepsWhatWasPaused(t *testing.T) {
	s, fs := frozen(t)
	ctx := t.Context()
	noError(t, s.client.SuspendAll(ctx))
	noError(t, s.client.Freeze(ctx, fs, true))
	s.states(t, "paused", "paused")
	if b := s.hv.Memory("b"); b != "two" {
		t.Errorf("memory %q", b)
	}
}

func TestFreezeOfOneStopsAll(t *testing.T) {
	s, fs := frozen(t)
	noError(t, s.client.Freeze(t.Context(), fs[:1], false))
	s.states(t, "paused", "paused")
}

func TestFreezeFailures(t *testing.T) {
	for name, resume := range map[string]bool{"resume": true, "stay": false} {
		t.Run(name, func(t *testing.T) {
			s, fs := frozen(t)
			ctx := t.Context()
			for _, verb := range []string{"suspend", "save"} {
				for _, machine := range []string{"a", "b"} {
					s.hv.FailCall(verb, machine, errBroken)
					failed(t, s.client.Freeze(ctx, fs, resume), machine)
					s.untouched(t)
					s.hv.FailCall(verb, machine, nil)
				}
			}
		})
	}
}

// vanishing is a Hypervisor whose Save takes a file away.
type vanishing struct {
	*agenttest.Hypervisor
	path string
}

func (h *vanishing) Save(ctx context.Context, name, path string) error {
	return errors.Join(h.Hypervisor.Save(ctx, name, path), os.RemoveAll(h.path))
}

func TestFreezeCopyFails(t *testing.T) {
	h := &vanishing{}
	s := serveHypervisor(t, func(hv *agenttest.Hypervisor) agent.Hypervisor {
		h.Hypervisor = hv
		return h
	})
	noError(t, s.client.StartAll(t.Context()))
	s.hv.SetMemory("a", "one")
	s.hv.SetMemory("b", "two")
	noError(t, os.Mkdir(s.path("f"), 0o700))
	for _, f := range []string{"kept", "gone"} {
		noError(t, os.WriteFile(s.path(f), []byte(f), 0o600))
	}
	h.path = s.path("gone")
	err := s.client.Freeze(t.Context(), []agent.Freezing{
		{Machine: "a", State: s.path("f/a.state"), Copies: []agent.Copy{{From: s.path("kept"), To: s.path("f/kept")}}},
		{Machine: "b", State: s.path("f/b.state"), Copies: []agent.Copy{{From: s.path("gone"), To: s.path("f/gone")}}},
	}, false)
	hasCode(t, err, "failed")
	s.untouched(t)
}

func TestFreezeThatCannotGoOn(t *testing.T) {
	s, fs := frozen(t)
	s.hv.FailCall("resume", "a", errBroken)
	failed(t, s.client.Freeze(t.Context(), fs, true), "a")
	s.states(t, "paused", "running")
	if files := s.files(t); len(files) > 0 {
		t.Errorf("left: %q", files)
	}
}

func TestFreezeNeedsMachines(t *testing.T) {
	s, fs := frozen(t)
	noError(t, s.client.Destroy(t.Context(), "b"))
	if err := s.client.Freeze(t.Context(), fs, true); !errors.Is(err, agent.ErrNotRunning) {
		t.Errorf("error %v", err)
	}
	s.states(t, "running", "off")
	fs[1].Machine = "nobody"
	if err := s.client.Freeze(t.Context(), fs, true); !errors.Is(err, agent.ErrUnknownMachine) {
		t.Errorf("error %v", err)
	}
}

func TestFreezeRefusesPaths(t *testing.T) {
	s, good := frozen(t)
	noError(t, os.Symlink(s.path("f"), s.path("link")))
	noError(t, os.Symlink("/etc/passwd", s.path("passwd")))
	noError(t, os.Symlink(s.path("nothing"), s.path("dangling")))
	for name, harm := range map[string]func(*agent.Freezing){
		"relative":            func(f *agent.Freezing) { f.State = "f/x" },
		"empty":               func(f *agent.Freezing) { f.State = "" },
		"not clean":           func(f *agent.Freezing) { f.State = s.spec.Dir + "/f/../x" },
		"outside":             func(f *agent.Freezing) { f.State = "/tmp/x" },
		"folder itself":       func(f *agent.Freezing) { f.State = s.spec.Dir },
		"sibling":             func(f *agent.Freezing) { f.State = s.spec.Dir + "x/y" },
		"no parent":           func(f *agent.Freezing) { f.State = s.path("none/x") },
		"parent is a link":    func(f *agent.Freezing) { f.State = s.path("link/x") },
		"parent is a file":    func(f *agent.Freezing) { f.State = s.path("a.disk/x") },
		"taken":               func(f *agent.Freezing) { f.State = s.path("a.disk") },
		"taken by a link":     func(f *agent.Freezing) { f.State = s.path("dangling") },
		"zero byte":           func(f *agent.Freezing) { f.State = s.path("x\x00y") },
		"copy outside":        func(f *agent.Freezing) { f.Copies[0].To = "/tmp/x" },
		"copy onto":           func(f *agent.Freezing) { f.Copies[0].To = s.path("a.disk") },
		"copy through a link": func(f *agent.Freezing) { f.Copies[0].To = s.path("link/x") },
		"two to one":          func(f *agent.Freezing) { f.Copies[0].To = f.State },
		"from outside":        func(f *agent.Freezing) { f.Copies[0].From = "/etc/passwd" },
		"from a link":         func(f *agent.Freezing) { f.Copies[0].From = s.path("passwd") },
		"from through a link": func(f *agent.Freezing) { f.Copies[0].From = s.path("link/x") },
		"from a folder":       func(f *agent.Freezing) { f.Copies[0].From = s.path("f") },
		"from nothing":        func(f *agent.Freezing) { f.Copies[0].From = s.path("nothing") },
		"machine twice":       func(f *agent.Freezing) { f.Machine = "a" },
	} {
		t.Run(name, func(t *testing.T) {
			b := good[1]
			b.Copies = slices.Clone(b.Copies)
			harm(&b)
			before := len(s.hv.Calls())
			hasCode(t, s.client.Freeze(t.Context(), []agent.Freezing{good[0], b}, true), "bad-request")
			if calls := s.hv.Calls()[before:]; len(calls) > 0 {
				t.Errorf("touched: %q", calls)
			}
			s.untouched(t)
		})
	}
	hasCode(t, s.client.Freeze(t.Context(), nil, true), "bad-request")
}
