package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbauerster/mpb/v8"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/snapshots"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares what was printed with a file of testdata/golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestWritePoints(t *testing.T) {
	var out strings.Builder
	err := writePoints(&out, []snapshots.Point{
		{Name: "ready", Created: noon.Add(-26 * time.Hour), Bytes: 642 << 20},
		{Name: "before-update", Parent: "ready", Created: noon.Add(-5 * time.Minute), Bytes: 24 << 20},
		{Name: "after-update", Parent: "before-update", Created: noon.Add(-30 * time.Second), Bytes: 31 << 20},
		{Name: "with-proxy", Parent: "before-update", Created: noon.Add(-3 * time.Second), Bytes: 8 << 10, Current: true},
		{Name: "clean", Parent: "ready", Created: noon.Add(-time.Minute), Bytes: 0},
		{Name: "orphan", Parent: "removed", Created: noon.Add(-72 * time.Hour), Bytes: 1},
	}, noon)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "snapshots.txt", out.String())
}

func TestWriteReceipt(t *testing.T) {
	var out strings.Builder
	proven := lab.Receipt{
		Proven: true, Instances: []string{"3fa85f64"}, Nonce: true, Marker: true, Layers: true, Gone: true,
		Check: "full", Files: 14, Seconds: 3.21,
	}
	if err := writeReceipt(&out, "dental", "before-update", proven); err != nil {
		t.Fatal(err)
	}
	bad := proven
	bad.Proven, bad.Nonce, bad.Layers, bad.Check = false, false, false, "fast"
	bad.Notes = []string{"no marker could be left beforehand, since SSH did not answer, on web"}
	bad.Problems = []string{"machine \"web\" holds another nonce:\x1b[2J", "ram.img of machine \"db\" has grown"}
	if err := writeReceipt(&out, "dental", "ready", bad); err != nil {
		t.Fatal(err)
	}
	golden(t, "receipt.txt", out.String())
}

// A revert that is not proven has an exit code of its own, in every format.
func TestReceiptExitCode(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		a := &app{stdout: &out, format: format}
		if err := a.receipt("dental", "ready", lab.Receipt{Proven: true}); err != nil {
			t.Errorf("%s: proven, and yet %v", format, err)
		}
		if err := a.receipt("dental", "ready", lab.Receipt{}); a.exitCode(t.Context(), err) != exitInconclusive {
			t.Errorf("%s: not proven, and yet %v", format, err)
		}
		if format == "json" && !strings.Contains(out.String(), `"proven": false`) {
			t.Errorf("printed:\n%s", &out)
		}
	}
}

func TestWriteGC(t *testing.T) {
	report := &snapshots.GCReport{Bytes: 1200 << 20, Items: []snapshots.GCItem{
		{Kind: "instance", Name: "3fa85f64", Reason: "its agent is gone", Bytes: 100 << 20},
		{Kind: "unfinished-image", Name: ".tmp-1234", Reason: "whoever built it is gone", Bytes: 600 << 20},
		{Kind: "image", Name: "9c1185a5c5e9 (server)", Reason: "no lab has used it for 20 days", Bytes: 500 << 20},
	}}
	var out strings.Builder
	for _, err := range []error{
		writeGC(&out, report, true, true),
		writeGC(&out, report, false, true),
		writeGC(&out, &snapshots.GCReport{}, false, true),
		writeGC(&out, &snapshots.GCReport{}, false, false), // nothing is said but the error
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "gc.txt", out.String())
}

func TestReadyText(t *testing.T) {
	for _, tt := range []struct {
		plan snapshots.ReadyPlan
		want string
	}{
		{snapshots.ReadyPlan{State: "ready", Created: noon.Add(-2 * time.Hour), Bytes: 612 << 20}, "would be reused (built 2 h ago, 612 MiB)"},
		{snapshots.ReadyPlan{State: "stale", Changed: []string{"set-up of db changed", "memory of web changed"}}, "would be rebuilt: set-up of db changed, memory of web changed"},
		{snapshots.ReadyPlan{State: "stale"}, "would be rebuilt: the definition changed"},
		{snapshots.ReadyPlan{State: "none"}, "would be built"},
	} {
		if got := readyText(tt.plan, noon); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.plan, got, tt.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "0d": 0, "90s": 90 * time.Second, "14d": 14 * day, "1d12h": 36 * time.Hour, "100000d": maxDays * day,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "14", "-1d", "-5m", "1d-2h", "1.5d", "2 d", "d5h", "1h2d", "100001d", "99999999999999d", "100000d2562047h", "soon"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
	for want, v := range map[string]duration{"14d": duration(snapshots.DefaultKeep), "0": 0, "36h0m0s": duration(36 * time.Hour)} {
		if got := v.String(); got != want {
			t.Errorf("%d is shown as %q, want %q", v, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s ago", 59 * time.Second: "59 s ago", time.Minute: "1 min ago",
		119 * time.Minute: "1 h ago", 47 * time.Hour: "47 h ago", 49 * time.Hour: "2 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// A remark is shown once, with or without a display.
func TestRemarks(t *testing.T) {
	var out bytes.Buffer
	a := &app{stderr: &out}
	say := a.remarks()
	say("memory cannot be forked")
	ui := a.newUI()
	say("memory cannot be forked")
	say("a second one\x1b[2J")
	ui.Close()
	say("a third one")
	if got, want := out.String(), "memory cannot be forked\na second one"; !strings.HasPrefix(got, want) ||
		strings.Contains(got, "\x1b") || !strings.HasSuffix(got, "\na third one\n") || strings.Count(got, "\n") != 3 {
		t.Errorf("said:\n%s", got)
	}
}

// On a terminal a remark stands above the live lines, and is not lost.
func TestRemarkAboveLiveLines(t *testing.T) {
	var live, out bytes.Buffer
	u := &ui{
		out: &out, open: map[*phase]bool{}, quit: make(chan struct{}), gone: func() {},
		live: mpb.New(mpb.WithOutput(&live), mpb.WithAutoRefresh()),
	}
	_, end := u.Begin(lab.ArmUp, "", "prepare")
	u.remark("memory cannot be forked")
	end(nil)
	u.Close()
	u.remark("afterwards")
	if got := live.String(); !strings.Contains(got, "memory cannot be forked\n") {
		t.Errorf("live: %q", got)
	}
	if got := out.String(); got != "afterwards\n" {
		t.Errorf("afterwards: %q", got)
	}
}

// Whoever interrupts a revert is told that the lab is still there.
func TestInterruptedRevert(t *testing.T) {
	var out bytes.Buffer
	a := &app{stderr: &out}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := a.phaseOf(ctx, "dental", "revert", func(lab.Progress) error { return ctx.Err() })
	if code := a.exitCode(ctx, err); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if got := out.String(); !strings.Contains(got, "lab dental stays up") || strings.Contains(got, "cleaned up") ||
		!strings.Contains(got, "patchlab: hint: patchlab snapshots dental") {
		t.Errorf("said:\n%s", got)
	}
}

func TestBusyIsExitCode4(t *testing.T) {
	var out bytes.Buffer
	a := &app{stderr: &out}
	busy := &lab.BusyError{What: "memory (768 MiB needed)", Holder: "instance 3fa85f64 of lab \"dental\""}
	if code := a.exitCode(t.Context(), errors.Join(busy)); code != exitBusy {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"instance 3fa85f64 of lab \"dental\"", "patchlab status"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, &out)
		}
	}
}
