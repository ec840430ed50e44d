package snapshots

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/agent"
)

// addUsed puts an instance into s that can be listed.
func addUsed(t *testing.T, s *Store, id string, arm lab.Arm, created time.Time) *agent.Spec {
	t.Helper()
	spec := addInstance(t, s, id, arm, false, 0)
	_, key, err := s.clientKey(t.Context(), "dental")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(filepath.Join(spec.Dir, filesFile), fileRecord{Created: created, ClientKey: key}); err != nil {
		t.Fatal(err)
	}
	return spec
}

// serveStatus answers for an instance as its agent would.
func serveStatus(t *testing.T, spec *agent.Spec, answer http.HandlerFunc) {
	t.Helper()
	if err := os.Mkdir(spec.RunDir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", spec.SocketPath())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /v1/status", answer)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
}

func TestUsage(t *testing.T) {
	s, _ := testStore(t)
	if list, err := s.Usage(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("of nothing: %v (%v)", list, err)
	}
	mute := addUsed(t, s, "0000000a", lab.ArmPatched, testTime.Add(time.Minute))
	up := addUsed(t, s, "0000000b", lab.ArmUp, testTime)
	if err := os.WriteFile(filepath.Join(mute.Dir, "disk"), make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	machines := []agent.MachineStatus{
		{Name: "web", State: agent.State{State: "running", PID: 7}, Memory: agent.MemoryUse{PrivateMiB: 100, SharedMiB: 300, PSSMiB: 200}},
		{Name: "desk", State: agent.State{State: "off"}, Memory: agent.MemoryUse{PrivateMiB: 20, SharedMiB: 30, PSSMiB: 40}},
	}
	serveStatus(t, up, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(agent.Status{PID: 42, Started: testTime, Machines: machines})
	})
	list, err := s.Usage(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%d instances (%v)", len(list), err)
	}
	for i, spec := range []*agent.Spec{up, mute} {
		if want := int(allocatedBytes(spec.Dir) >> 20); list[i].DiskMiB != want || want < 3*i {
			t.Errorf("instance %s takes %d MiB of disk, want %d", spec.ID, list[i].DiskMiB, want)
		}
		list[i].DiskMiB = 0
	}
	want := []InstanceUsage{{
		ID: up.ID, Lab: "dental", Dir: "/labs/dental", Arm: "up", AgentPID: 42, Accel: "kvm",
		Created: testTime, Started: testTime, State: "running",
		PrivateMiB: 120, SharedMiB: 330, Machines: machines,
	}, {
		ID: mute.ID, Lab: "dental", Dir: "/labs/dental", Arm: "patched", Accel: "kvm",
		Created: testTime.Add(time.Minute), State: "its agent does not answer: patchlab down 0000000a",
		Machines: []agent.MachineStatus{},
	}}
	if diff := cmp.Diff(want, list, cmp.Comparer(func(a, b agent.MachineStatus) bool { return a == b })); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
	b, err := json.Marshal(list[1])
	for _, part := range []string{`"id":"0000000a"`, `"pid":0`, `"private_mib":0`, `"shared_mib":0`, `"disk_mib":0`, `"machines":[]`, `"created":"2026`} {
		if err != nil || !strings.Contains(string(b), part) {
			t.Errorf("%s has no %s (%v)", b, part, err)
		}
	}
}

func TestUsageEndsWithContext(t *testing.T) {
	s, _ := testStore(t)
	spec := addUsed(t, s, "0000000a", lab.ArmUp, testTime)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	serveStatus(t, spec, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := s.Usage(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestAllocatedBytes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ram")
	if got := allocatedBytes(path); got != 0 {
		t.Errorf("what is not there takes %d", got)
	}
	empty := allocatedBytes(dir)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	if got := allocatedBytes(dir); got >= 64<<20 {
		t.Errorf("a hole takes %d", got)
	}
	const size = 1 << 20
	if _, err := f.WriteAt(make([]byte, size), 32<<20); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	file := allocatedBytes(path)
	if file < size || file > 4*size {
		t.Errorf("%d bytes of a file take %d", size, file)
	}
	if err := errors.Join(os.Mkdir(dir+"/sub", 0o700), os.Link(path, dir+"/sub/ram"), os.Symlink("ram", dir+"/link")); err != nil {
		t.Fatal(err)
	}
	if got := allocatedBytes(dir); got < file+empty || got > file+empty+64<<10 {
		t.Errorf("one file under two names takes %d, alone %d", got, file)
	}
}
