package virt

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab/agent"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCapabilitiesGoRound(t *testing.T) {
	dir := t.TempDir()
	spec := &agent.Spec{RunDir: filepath.Join(dir, "r"), CacheDir: filepath.Join(dir, "c")}
	if err := restoreCapabilities(spec); err != nil {
		t.Fatalf("without a cache: %v", err)
	}
	write(t, filepath.Join(rootCapabilities(spec), "q.xml"), "new")
	write(t, filepath.Join(rootCapabilities(spec), "other.txt"), "no capabilities")
	write(t, filepath.Join(savedCapabilities(spec), "q.xml"), "old")
	if err := saveCapabilities(spec); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(spec.RunDir); err != nil {
		t.Fatal(err)
	}
	if err := restoreCapabilities(spec); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(rootCapabilities(spec))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	if b, err := os.ReadFile(filepath.Join(rootCapabilities(spec), "q.xml")); string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestPrepareRootStartsAfresh(t *testing.T) {
	spec := &agent.Spec{RunDir: t.TempDir()}
	old := filepath.Join(spec.VirtRoot(), "run", "qemu", "a.xml")
	write(t, old, "of a dead agent")
	for range 2 {
		if err := prepareRoot(spec, agent.Owner{UID: 64055, GID: 107, Other: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old root is still there: %v", err)
	}
	conf, err := os.ReadFile(filepath.Join(spec.VirtRoot(), "etc", "qemu.conf"))
	if err != nil || !strings.Contains(string(conf), "user = \"+64055\"\ngroup = \"+107\"\n") {
		t.Errorf("%s, %v", conf, err)
	}
	if b, err := os.ReadFile(serconPath(spec)); string(b) != "\xf8\x03" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestParseLog(t *testing.T) {
	for line, want := range map[string]struct {
		level slog.Level
		text  string
	}{
		"2026-11-23 12:34:05.168+0000: 25: warning : f:1 : text": {slog.LevelWarn, "f:1 : text"},
		"2026-11-23 12:34:05.168+0000: 25: error : f:1 : text":   {slog.LevelError, "f:1 : text"},
		"something else": {slog.LevelDebug, "something else"},
		"x: warning : Domain id=1 is tainted: custom-argv":    {slog.LevelDebug, "x: warning : Domain id=1 is tainted: custom-argv"},
		"x: warning : Domain id=1 is tainted: custom-monitor": {slog.LevelDebug, "x: warning : Domain id=1 is tainted: custom-monitor"},
	} {
		if level, text := parseLog(line); level != want.level || text != want.text {
			t.Errorf("%q: %v, %q", line, level, text)
		}
	}
}

func TestStateOf(t *testing.T) {
	for _, c := range []struct {
		state  libvirt.DomainState
		reason int
		want   agent.State
	}{
		{libvirt.DOMAIN_RUNNING, 1, agent.State{State: "running"}},
		{libvirt.DOMAIN_PAUSED, int(libvirt.DOMAIN_PAUSED_USER), agent.State{State: "paused", Reason: "user"}},
		{libvirt.DOMAIN_PAUSED, int(libvirt.DOMAIN_PAUSED_IOERROR), agent.State{State: "paused", Reason: "io-error"}},
		{libvirt.DOMAIN_CRASHED, int(libvirt.DOMAIN_CRASHED_PANICKED), agent.State{State: "crashed", Reason: "panicked"}},
		{libvirt.DOMAIN_SHUTOFF, 0, agent.State{State: "off"}},
	} {
		if got := stateOf(c.state, c.reason); got != c.want {
			t.Errorf("%v %d: %+v, want %+v", c.state, c.reason, got, c.want)
		}
	}
}

func TestEnds(t *testing.T) {
	h := &hypervisor{log: slog.New(slog.DiscardHandler), last: map[string]ending{}, paused: map[string]string{}}
	if s := h.ended("a"); s.State != "absent" {
		t.Errorf("before: %+v", s)
	}
	for d, want := range map[libvirt.DomainEventStoppedDetailType]agent.State{
		libvirt.DOMAIN_EVENT_STOPPED_SHUTDOWN:  {State: "off", Reason: "shutdown"},
		libvirt.DOMAIN_EVENT_STOPPED_DESTROYED: {State: "off", Reason: "destroyed"},
		libvirt.DOMAIN_EVENT_STOPPED_CRASHED:   {State: "crashed", Reason: "crashed"},
		libvirt.DOMAIN_EVENT_STOPPED_FAILED:    {State: "crashed", Reason: "failed"},
	} {
		delete(h.last, "a") // as a start does
		h.lifecycle("a", &libvirt.DomainEventLifecycle{Event: libvirt.DOMAIN_EVENT_STOPPED, Detail: int(d)})
		if s := h.ended("a"); s != want {
			t.Errorf("%v: %+v, want %+v", d, s, want)
		}
	}
	h.ioError("a", &libvirt.DomainEventIOErrorReason{Action: libvirt.DOMAIN_EVENT_IO_ERROR_PAUSE, Reason: "enospc"})
	if h.paused["a"] != "io-error: enospc" {
		t.Errorf("paused for %q", h.paused["a"])
	}
	h.lifecycle("a", &libvirt.DomainEventLifecycle{Event: libvirt.DOMAIN_EVENT_RESUMED})
	if len(h.paused) != 0 {
		t.Error("still paused after it was resumed")
	}
}
