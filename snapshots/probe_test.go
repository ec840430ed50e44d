package snapshots

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// fakeMonitor is a QEMU without a machine. It answers as 7.2 does, line by
// line, until it is told to quit.
type fakeMonitor struct {
	version  string // of query-version's answer
	lists    map[string][]string
	starts   int
	breaks   error  // it ends with this instead
	says     string // on its standard error
	greeting string
}

func newFakeMonitor() *fakeMonitor {
	return &fakeMonitor{
		version:  `{"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian 1:7.2"}`,
		greeting: `{"QMP": {"version": {}, "capabilities": ["oob"]}}`,
		lists: map[string][]string{
			askCapabilities: {"xbzrle", "x-ignore-shared"},
			askTypes:        {"memory-backend-ram", "memory-backend-file"},
		},
	}
}

func (f *fakeMonitor) Run(_ context.Context, t Tool) error {
	f.starts++
	if t.Name != qemuProgram || !strings.Contains(strings.Join(t.Args, " "), "-machine none") {
		return fmt.Errorf("unexpected program %s %v", t.Name, t.Args)
	}
	_, _ = io.WriteString(t.Stderr, f.says)
	if f.breaks != nil {
		return f.breaks
	}
	_, _ = fmt.Fprintln(t.Stdout, f.greeting)
	for lines := bufio.NewScanner(t.Stdin); lines.Scan(); {
		var q struct {
			Execute, ID string
			Arguments   struct{ Implements string }
		}
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		answer := `{"return": {}, "id": "` + q.ID + `"}`
		switch list, known := f.lists[q.Execute]; {
		case q.Execute == askVersion:
			answer = `{"return": ` + f.version + `, "id": "` + q.ID + `"}`
		case q.Execute == askTypes && q.Arguments.Implements != "memory-backend":
			return errors.New("all types are too many")
		case known:
			key := map[string]string{askCapabilities: "capability", askTypes: "name"}[q.Execute]
			var entries []string
			for _, name := range list {
				entries = append(entries, fmt.Sprintf(`{"state": false, %q: %q}`, key, name))
			}
			answer = `{"return": [` + strings.Join(entries, ", ") + `], "id": "` + q.ID + `"}`
		case q.Execute == askCapabilities, q.Execute == askTypes:
			answer = `{"error": {"class": "CommandNotFound", "desc": "unknown"}, "id": "` + q.ID + `"}`
		}
		_, _ = fmt.Fprintln(t.Stdout, answer)
		if q.Execute == askEnd {
			_, _ = fmt.Fprintln(t.Stdout, `{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {}}`)
			return nil
		}
	}
	return errors.New("its input ended before it was told to quit")
}

// fakeQEMU puts a program of QEMU's name into PATH, which nobody starts.
func fakeQEMU(t *testing.T) (path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, qemuProgram)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return path
}

func probeStore(t *testing.T) (*Store, *fakeMonitor) {
	t.Helper()
	s, _ := testStore(t)
	f := newFakeMonitor()
	s.run = f
	return s, f
}

func TestProbeQEMU(t *testing.T) {
	fakeQEMU(t)
	s, f := probeStore(t)
	want := qemuInfo{Version: "7.2.22 (Debian 1:7.2)", MemoryForks: true}
	if got, err := s.probeQEMU(t.Context()); err != nil || got != want {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	for name, change := range map[string]func(f *fakeMonitor){
		"x-ignore-shared":     func(f *fakeMonitor) { f.lists[askCapabilities] = []string{"xbzrle", "x-ignore"} },
		"no capabilities":     func(f *fakeMonitor) { delete(f.lists, askCapabilities) },
		"memory-backend-file": func(f *fakeMonitor) { f.lists[askTypes] = []string{"memory-backend-ram"} },
	} {
		s, f := probeStore(t)
		f.version = `{"qemu": {"micro": 0, "minor": 1, "major": 3}, "package": ""}`
		change(f)
		got, err := s.probeQEMU(t.Context())
		if err != nil || got.MemoryForks || got.Version != "3.1.0" || !strings.HasPrefix(got.Why, "QEMU 3.1.0 cannot ") {
			t.Errorf("%s: %+v (%v)", name, got, err)
		}
	}
	if f.starts != 1 {
		t.Errorf("QEMU was started %d times", f.starts)
	}
}

func TestProbeQEMUOnce(t *testing.T) {
	path := fakeQEMU(t)
	s, f := probeStore(t)
	ask := func(starts int) {
		t.Helper()
		if got, err := s.probeQEMU(t.Context()); err != nil || !got.MemoryForks {
			t.Errorf("%+v (%v)", got, err)
		}
		if f.starts != starts {
			t.Errorf("QEMU was started %d times, want %d", f.starts, starts)
		}
	}
	ask(1)
	ask(1)
	if err := os.WriteFile(path, []byte("another version"), 0o700); err != nil {
		t.Fatal(err)
	}
	ask(2)
	for _, broken := range []string{"", "{", "null"} {
		if err := os.WriteFile(filepath.Join(s.CacheDir(), "qemu.json"), []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		ask(f.starts + 1)
	}
}

func TestProbeQEMUFails(t *testing.T) {
	path := fakeQEMU(t)
	for name, tt := range map[string]struct {
		change func(f *fakeMonitor)
		want   string
	}{
		"it breaks":   {func(f *fakeMonitor) { f.breaks, f.says = errBroken, "\x1b[2Jlibfoo.so: not found\n" }, "broken: libfoo.so: not found"},
		"no JSON":     {func(f *fakeMonitor) { f.greeting = "hello" }, "cannot read its answer"},
		"no version":  {func(f *fakeMonitor) { f.version = "{}" }, "did not tell its version"},
		"other words": {func(f *fakeMonitor) { f.version = `"7.2"` }, "did not tell its version"},
	} {
		s, f := probeStore(t)
		tt.change(f)
		for range 2 { // a failure is not remembered
			var host *lab.HostError
			if _, err := s.probeQEMU(t.Context()); !errors.As(err, &host) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want a HostError with %q", name, err, tt.want)
			}
		}
		if f.starts != 2 {
			t.Errorf("%s: QEMU was started %d times", name, f.starts)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s, f := probeStore(t)
	var host *lab.HostError
	_, err := s.probeQEMU(t.Context())
	if !errors.As(err, &host) || host.Hint != "apt-get install qemu-system-x86" || !errors.Is(err, exec.ErrNotFound) || f.starts != 0 {
		t.Errorf("without QEMU: %v", err)
	}
}

// The question is put to the host's own QEMU, which runs no machine for it.
func TestProbeRealQEMU(t *testing.T) {
	if _, err := lookProgram(qemuProgram); err != nil {
		t.Skip("QEMU is not installed")
	}
	s, _ := testStore(t)
	s.run = hostRunner{}
	got, err := s.probeQEMU(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Version == "" || got.MemoryForks != (got.Why == "") {
		t.Errorf("%+v", got)
	}
	s.run = Runner(nil) // not started again
	if again, err := s.probeQEMU(t.Context()); err != nil || again != got {
		t.Errorf("%+v (%v), at first %+v", again, err, got)
	}
}

func TestMemoryMethod(t *testing.T) {
	able, unable := qemuInfo{MemoryForks: true}, qemuInfo{Why: "QEMU 3.1.0 cannot do it"}
	for _, tt := range []struct {
		info             qemuInfo
		env, method, why string
	}{
		{able, "", memoryFork, ""},
		{able, "fork", memoryFork, ""},
		{able, "restore", memoryRestore, "PATCHLAB_MEMORY says so"},
		{unable, "", memoryRestore, "QEMU 3.1.0 cannot do it"},
		{unable, "restore", memoryRestore, "PATCHLAB_MEMORY says so"},
	} {
		method, why, err := memoryMethod(tt.info, environ("PATCHLAB_MEMORY", tt.env))
		if err != nil || method != tt.method || why != tt.why {
			t.Errorf("%+v: %q, %q (%v)", tt, method, why, err)
		}
	}
	var host *lab.HostError
	if _, _, err := memoryMethod(unable, environ("PATCHLAB_MEMORY", "fork")); !errors.As(err, &host) || !strings.Contains(err.Error(), unable.Why) {
		t.Errorf("fork where it is impossible: %v", err)
	}
	var usage *lab.UsageError
	if _, _, err := memoryMethod(able, environ("PATCHLAB_MEMORY", "copy")); !errors.As(err, &usage) || !strings.Contains(err.Error(), `"copy"`) {
		t.Errorf("another word: %v", err)
	}
}

func FuzzReadProbe(f *testing.F) {
	f.Add(`{"QMP": {}}` + "\n" + `{"return": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "id": "query-version"}`)
	f.Add(`{"id": "query-version", "return": null} {"id": "qom-list-types", "return": [1]}`)
	f.Fuzz(func(t *testing.T, text string) {
		info, err := readProbe(strings.NewReader(text))
		if err == nil && (info.Version == "" || info.MemoryForks != (info.Why == "")) {
			t.Errorf("%+v", info)
		}
	})
}
