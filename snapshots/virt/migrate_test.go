package virt

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"libvirt.org/go/libvirt"

	"github.com/patchlab/patchlab/lab/agent"
)

func TestParseAnswer(t *testing.T) {
	for answer, want := range map[string]struct{ status, err string }{
		`{"return":{"status":"active"},"id":"libvirt-7"}`: {status: "active"},
		`{"return":{}}`: {},
		`{"error":{"class":"GenericError","desc":"no\u001b[2J"}}`: {err: `"no\x1b[2J"`},
		`{"id":"libvirt-7"}`:      {err: "returns nothing"},
		`{"return":{"status":1}}`: {err: "cannot unmarshal"},
		``:                        {err: `answer ""`},
	} {
		var m migration
		err := parseAnswer(answer, &m)
		if m.Status != want.status || (err == nil) != (want.err == "") || (err != nil && !strings.Contains(err.Error(), want.err)) {
			t.Errorf("%s: %+v, %v", answer, m, err)
		}
	}
	if err := parseAnswer(`{"return":{}}`, nil); err != nil {
		t.Error(err)
	}
}

func TestMigrationEnds(t *testing.T) {
	for _, s := range []string{"", "setup", "active", "device", "cancelling"} {
		if (migration{Status: s}).ended() {
			t.Errorf("%q is an end", s)
		}
	}
	for status, want := range map[string]string{
		"completed": "", "failed": `failed: "disk full"`, "cancelled": `cancelled: "disk full"`,
	} {
		m := migration{Status: status, Desc: "disk full"}
		err := m.failure()
		if !m.ended() || (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestCheckRAM(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ram")
	write(t, path, "")
	if err := os.Truncate(path, 64<<20); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for want, m := range map[string]agent.MachineSpec{
		"":                    {MemoryMiB: 64, RAM: &agent.RAMSpec{Path: path}},
		"want a regular file": {MemoryMiB: 65, RAM: &agent.RAMSpec{Path: path}},
		"is L":                {MemoryMiB: 64, RAM: &agent.RAMSpec{Path: link}},
		"no such file":        {MemoryMiB: 64, RAM: &agent.RAMSpec{Path: path + "2"}},
	} {
		err := checkRAM(m)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if err := checkRAM(agent.MachineSpec{MemoryMiB: 64}); err != nil {
		t.Errorf("without a file: %v", err)
	}
}

func TestQuoteErrors(t *testing.T) {
	const log = `2026-11-23 15:37:47.502+0000: starting up libvirt version: 9.0.0
/usr/bin/qemu-system-x86_64 -name guest=a
2026-11-23T15:37:47.799924Z qemu-system-x86_64: -fw_cfg name=x: warning: should be prefixed
2026-11-23T15:37:47.167996Z qemu-system-x86_64: Size mismatch: ram0: 1 != 2
2026-11-23T15:37:47.168045Z qemu-system-x86_64: load of ` + "\x1b[2J" + `
2026-11-23 15:37:48.1+0000: shutting down, reason=failed
`
	if got, want := quoteErrors(log), `QEMU said "Size mismatch: ram0: 1 != 2", "load of \x1b[2J": `; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := quoteErrors(strings.Repeat("D qemu-x: e\n", 100)); strings.Count(got, "e") > 2*maxQEMULines {
		t.Errorf("too much: %s", got)
	}
	if got := quoteErrors(""); got != "" {
		t.Errorf("nothing: %q", got)
	}
}

func TestQEMUSaid(t *testing.T) {
	h := &hypervisor{spec: &agent.Spec{RunDir: t.TempDir()}}
	if size := h.qemuLogSize("a"); size != 0 || h.qemuSaid("a", size) != "" {
		t.Errorf("size %d without a log", size)
	}
	write(t, qemuLogPath(h.spec, "a"), "D qemu-x: earlier\n")
	size := h.qemuLogSize("a")
	write(t, qemuLogPath(h.spec, "a"), "D qemu-x: earlier\nD qemu-x: now\n")
	if got := h.qemuSaid("a", size); got != `QEMU said "now": ` {
		t.Errorf("%s", got)
	}
}

// TestSavedStays: the event of a machine that Save destroyed comes late.
func TestSavedStays(t *testing.T) {
	h := &hypervisor{log: slog.New(slog.DiscardHandler), last: map[string]ending{"a": {"off", "saved"}}, paused: map[string]string{}}
	stopped := func(d libvirt.DomainEventStoppedDetailType) {
		h.lifecycle("a", &libvirt.DomainEventLifecycle{Event: libvirt.DOMAIN_EVENT_STOPPED, Detail: int(d)})
	}
	stopped(libvirt.DOMAIN_EVENT_STOPPED_DESTROYED)
	if s := h.ended("a"); s.Reason != "saved" {
		t.Errorf("%+v", s)
	}
	stopped(libvirt.DOMAIN_EVENT_STOPPED_FAILED)
	if s := h.ended("a"); s.State != "crashed" {
		t.Errorf("%+v", s)
	}
}

func TestFirstProcessor(t *testing.T) {
	var all, want unix.CPUSet
	all.Set(70)
	all.Set(71)
	want.Set(70)
	if got := first(&all); *got != want {
		t.Errorf("%d processors, the 70th: %v", got.Count(), got.IsSet(70))
	}
}
