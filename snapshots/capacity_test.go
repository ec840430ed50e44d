package snapshots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

func TestCheckHost(t *testing.T) {
	s, _ := testStore(t)
	l := testLab() // 512 + 256 MiB, and overhead
	need := 512 + 256 + 2*beyondMiB("tcg")
	var host *lab.HostError
	var busy *lab.BusyError
	s.mem = func() (memory, error) { return memory{TotalMiB: need, AvailableMiB: need}, nil }
	if err := s.CheckHost(l); err != nil {
		t.Errorf("just enough memory: %v", err)
	}
	s.mem = func() (memory, error) { return memory{TotalMiB: need, AvailableMiB: need - 1}, nil }
	if err := s.CheckHost(l); !errors.As(err, &busy) || !strings.Contains(err.Error(), fmt.Sprint(need)) {
		t.Errorf("memory in use: %v, want a BusyError with numbers", err)
	}
	emulated := s.accel
	s.accel = func() (string, error) { return "kvm", nil }
	if err := s.CheckHost(l); err != nil {
		t.Errorf("without a translation cache: %v", err)
	}
	s.accel = emulated
	s.mem = func() (memory, error) { return memory{TotalMiB: need - 1, AvailableMiB: need - 1}, nil }
	if err := s.CheckHost(l); !errors.As(err, &host) {
		t.Errorf("too small a host: %v, want a HostError", err)
	}
	s.mem = func() (memory, error) { return memory{TotalMiB: need, AvailableMiB: need}, nil }
	s.free = func(string) (uint64, error) { return (2*overlayMiB + buildMiB - 1) << 20, nil }
	if err := s.CheckHost(l); !errors.As(err, &host) || !strings.Contains(err.Error(), "MiB of disk") {
		t.Errorf("full disk: %v, want a HostError", err)
	}
	if got, want := s.readyDiskNeedMiB(l), 2*overlayMiB+buildMiB+512+256; got != want {
		t.Errorf("a ready state needs %d MiB of disk, want %d", got, want)
	}
}

func TestNoInstanceOnFullDisk(t *testing.T) {
	s, _ := testStore(t)
	s.free = func(string) (uint64, error) { return 1 << 20, nil }
	var host *lab.HostError
	if _, err := s.PrepareInstance(t.Context(), testLab(), lab.ArmReady, "tcg", false, nil); !errors.As(err, &host) {
		t.Errorf("an instance on a full disk: %v, want a HostError", err)
	}
	noTrace(t, s)
}

func TestMachineNeed(t *testing.T) {
	m := &lab.Machine{MemoryMiB: 512}
	for _, tt := range []struct {
		accel          string
		measured, want int
	}{
		{"kvm", 0, 512 + overheadMiB},
		{"tcg", 0, 512 + overheadMiB + translationMiB},
		{"tcg", -1, 512 + overheadMiB + translationMiB},
		{"kvm", 100, 100*5/4 + 64},
		{"tcg", 100, 100*5/4 + 64}, // the cache was measured with it
		{"kvm", 500, 512 + overheadMiB},
	} {
		if got := machineNeedMiB(m, tt.accel, tt.measured); got != tt.want {
			t.Errorf("%s, %d MiB measured: %d MiB, want %d", tt.accel, tt.measured, got, tt.want)
		}
	}
}

// addInstance puts an instance with machines of these needs into s, for which
// this process answers when alive.
func addInstance(t *testing.T, s *Store, id string, arm lab.Arm, alive bool, needs ...int) *agent.Spec {
	t.Helper()
	parent, err := s.instancesDir("dental")
	if err != nil {
		t.Fatal(err)
	}
	spec := &agent.Spec{
		ID: id, Lab: "dental", LabDir: "/labs/dental", Arm: string(arm), Accel: "kvm",
		Dir: filepath.Join(parent, id), RunDir: filepath.Join(s.runtime, id), CacheDir: s.CacheDir(),
	}
	for i, need := range needs {
		spec.Machines = append(spec.Machines, agent.MachineSpec{
			Name: fmt.Sprintf("m%d", i), MemoryMiB: 512, CPUs: 1, NeedMiB: need, ConsoleSocket: spec.RunDir + "/c",
			Disks: []agent.DiskSpec{{Path: "/d", Format: "qcow2"}},
		})
	}
	b, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(spec.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(spec.Dir, specFile), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if alive {
		lockFile(t, s.journalPath(id))
	}
	return spec
}

// None of the instances has a process, so what they were promised is open.
func TestCheckMemoryPromises(t *testing.T) {
	s, _ := testStore(t)
	s.mem = func() (memory, error) { return memory{TotalMiB: 8192, AvailableMiB: 4000}, nil }
	addInstance(t, s, "00000001", lab.ArmPatched, true, 200, 1000)
	addInstance(t, s, "00000002", lab.ArmUp, true, 500)
	addInstance(t, s, "00000003", lab.ArmReady, true, 0) // of an older patchlab: all that it may take
	addInstance(t, s, "00000004", lab.ArmControl, false, 100000)
	const promised = 1200 + 500 + 512 + overheadMiB
	if err := s.checkMemory("fork it", 4000-promised); err != nil {
		t.Errorf("just enough: %v", err)
	}
	err := s.checkMemory("fork it", 4000-promised+1)
	var busy *lab.BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("too much: %v, want a BusyError", err)
	}
	want := `memory (1693 MiB needed to fork it, 4000 MiB available of which 2308 MiB are promised) is in use by ` +
		`instance 00000001 of lab "dental" (patched arm, 1.2 GiB), instance 00000002 of lab "dental" (up, 500 MiB), ` +
		`instance 00000003 of lab "dental" (making the ready state, 608 MiB) and other programs`
	if err.Error() != want {
		t.Errorf("it says\n%s\nwant\n%s", err, want)
	}
	var host *lab.HostError
	if err := s.checkMemory("fork it", 8193); !errors.As(err, &host) || !strings.Contains(err.Error(), "cannot fork it: 8193 MiB") {
		t.Errorf("more than there is: %v, want a HostError", err)
	}
	s.mem = func() (memory, error) { return memory{}, errBroken }
	if err := s.checkMemory("fork it", 1); !errors.Is(err, errBroken) {
		t.Errorf("without numbers: %v", err)
	}
}

func TestCheckMemoryHeldByOthers(t *testing.T) {
	s, _ := testStore(t)
	s.mem = func() (memory, error) { return memory{TotalMiB: 8192, AvailableMiB: 10}, nil }
	if err := s.checkMemory("fork it", 11); err == nil || !strings.HasSuffix(err.Error(), " is in use by other programs") {
		t.Errorf("%v", err)
	}
}

func TestWaitFor(t *testing.T) {
	busy := func(n int) func() error {
		return func() error {
			if n--; n >= 0 {
				return fmt.Errorf("cannot fork: %w", &lab.BusyError{What: "memory", Holder: "instance 1a2b3c4d"})
			}
			return errBroken // or nil: whatever is not busy
		}
	}
	for _, tt := range []struct {
		limit  time.Duration
		checks int // that are busy
		took   time.Duration
		want   string
		shown  []string
	}{
		{0, 0, 0, "broken", nil},
		{time.Minute, 0, 0, "broken", nil},
		{0, 1, 0, "cannot fork: memory is in use by instance 1a2b3c4d", nil},
		{time.Minute, 3, 3 * time.Second, "broken", []string{"waiting for memory: held by instance 1a2b3c4d (0 s)"}},
		{15 * time.Second, 99, 15 * time.Second, "memory is in use by instance 1a2b3c4d, after waiting 15s", []string{
			"waiting for memory: held by instance 1a2b3c4d (0 s)", "waiting for memory: held by instance 1a2b3c4d (10 s)",
		}},
		{5 * time.Minute, 301, 5 * time.Minute, "memory is in use by instance 1a2b3c4d, after waiting 5m0s", nil},
		{5 * time.Minute, 300, 5 * time.Minute, "broken", nil}, // it is tried at the very end
	} {
		synctest.Test(t, func(t *testing.T) {
			shown := &steps{}
			start := time.Now()
			err := (*Store)(nil).waitFor(t.Context(), tt.limit, shown, busy(tt.checks))
			if err == nil || err.Error() != tt.want {
				t.Errorf("%+v: %v", tt, err)
			}
			if took := time.Since(start); took != tt.took {
				t.Errorf("%+v: it took %s", tt, took)
			}
			if got := strings.Join(shown.texts, "|"); tt.shown != nil && got != strings.Join(tt.shown, "|") {
				t.Errorf("%+v: shown: %s", tt, got)
			}
		})
	}
}

func TestWaitForContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		start := time.Now()
		err := (*Store)(nil).waitFor(ctx, time.Hour, nil, func() error { return &lab.BusyError{What: "memory"} })
		var busy *lab.BusyError
		if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &busy) || time.Since(start) != 90*time.Second {
			t.Errorf("error is %v after %s", err, time.Since(start))
		}
		if err := (*Store)(nil).waitFor(t.Context(), time.Hour, nil, func() error { return nil }); err != nil {
			t.Errorf("error is %v", err)
		}
	})
}

func TestParseMeminfo(t *testing.T) {
	m, err := parseMeminfo([]byte("MemTotal:       2097152 kB\nMemFree:  1 kB\nMemAvailable:    1048576 kB\n"))
	if err != nil || m != (memory{2048, 1024}) {
		t.Errorf("%+v (%v)", m, err)
	}
	if _, err := parseMeminfo([]byte("nothing")); err == nil {
		t.Error("memory was made up")
	}
}
