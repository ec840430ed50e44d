package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// hostile is what a machine may print to hurt whoever reads the report.
const hostile = "\x1b[2J\x1b]0;owned\x07<script>\u202eevil\xff\x00"

func record() *lab.Record {
	return &lab.Record{
		Lab: "dental", Run: "20261123-121500-ab12", Verdict: lab.Fail,
		Reason: `check "booking page" passed before the patch and fails after it: status 500, want 200`,
		Patch:  lab.PatchRecord{Name: "booking-broken"},
		Machines: []lab.MachineRecord{
			{Name: "db"},
			{Name: "web", Target: true, Outcome: &lab.PatchOutcome{Status: lab.Applied, Message: "harbour-booking 1.0 → 1.2"}, Reboots: 1, RebootReason: "new kernel"},
			{Name: "desk", Target: true},
		},
		Checks: []lab.CheckRecord{
			{Name: "booking page", From: "desk", Class: lab.ClassRegression, Message: "status 500, want 200: " + hostile},
			{Name: "database", From: "gateway of office", Class: lab.ClassOK, Message: "connected"},
		},
		Findings: []lab.Finding{{
			Summary: "cannot reach machine \"desk\"; " + hostile, Tail: "one\n" + hostile + "\nlast\n", Condition: lab.Panicked,
			Log: "logs/console-patched-desk.log", Screenshot: "logs/screen-patched-desk.png",
		}},
		Egress: []lab.EgressAttempt{
			{Machine: "web", Protocol: "dns", To: "time.example", Count: 12},
			{Source: netip.MustParseAddr("192.168.1.99"), Protocol: "tcp", To: "203.0.113.7:443", Count: 1},
		},
		Ready:    lab.ReadyRecord{Key: "beef", Built: true, Seconds: 75.2},
		Control:  lab.ControlRecord{Mode: "concurrent"},
		Reverted: true,
		Receipt: lab.Receipt{
			Proven: true, Instances: []string{"a", "b", "c"}, Nonce: true, Marker: true, Layers: true, Check: "fast", Files: 9, Gone: true,
		},
		Dir: "/var/lib/patchlab/runs/dental/20261123-121500-ab12",
	}
}

// changed is a run that tells what the patch changed and how it was taken out.
func changed() *lab.Record {
	rec := record()
	m := &rec.Machines[1]
	m.Reboots, m.Confirmed, m.Stale = 2, "kernel 6.1.192 "+hostile, []string{"apache2.service", hostile}
	rec.Changes = []lab.StateChange{
		{Machine: "web", Kind: lab.StatePackage, Name: "openssl:amd64", From: "3.0.20", To: "3.0.22"},
		{Machine: "web", Kind: lab.StateFile, Name: "/etc/app.conf", From: "a", To: "b", Diff: "--- a\n+++ b\n@@ -1 +1,2 @@\n-one\n+" + hostile + "\n" + strings.Repeat("+more\n", 9)},
	}
	for i := range 20 {
		rec.Changes = append(rec.Changes, lab.StateChange{Machine: "web", Kind: lab.StateUser, Name: fmt.Sprint("user", i), To: "1000"})
	}
	rec.Noise, rec.Gaps, rec.Spared = 3, []string{"desk: " + hostile}, []string{"db", "desk"}
	rec.Backout = &lab.BackoutRecord{
		Result: lab.BackedOutLeaves, Reason: "taken out within 9 s, but it leaves 1 change " + hostile,
		Left: []lab.StateChange{{Machine: "web", Kind: lab.StateFile, Name: "/etc/" + hostile, To: "a"}},
	}
	return rec
}

// doubtful is a run in which nearly everything went another way.
func doubtful() *lab.Record {
	rec := record()
	rec.Verdict, rec.Reason = lab.Inconclusive, "cannot prove that the run left nothing behind: "+hostile
	rec.Ready = lab.ReadyRecord{Key: "beef", Created: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC), Seconds: 0.1}
	rec.Control = lab.ControlRecord{Mode: "sequential", Reason: "memory is in use by " + hostile}
	rec.Checks = []lab.CheckRecord{
		{Name: "mail", From: "desk", Class: lab.ClassFlaky, Message: "failed once after the patch, passed the second time: refused"},
		{
			Name: "login", From: "desk", Class: lab.ClassRebootInduced, Message: "no answer",
			Arms: map[lab.Arm]lab.CheckResult{lab.ArmControl: {Message: hostile}},
		},
	}
	rec.Findings[0].Screenshot, rec.Findings[0].Log = "", ""
	rec.Findings = append(rec.Findings, lab.Finding{Summary: "nothing more to show"})
	rec.Egress, rec.Reverted = nil, false
	rec.Receipt = lab.Receipt{Problems: []string{"a marker is on db: " + hostile, "a process is left", "a folder is left"}}
	return rec
}

// early is a run that ended before there was an instance.
func early() *lab.Record {
	return &lab.Record{
		Lab: "dental", Verdict: lab.Inconclusive, Reason: "cannot boot machine \"db\"", Patch: lab.PatchRecord{Name: "update"},
		Control: lab.ControlRecord{Mode: "off", Reason: "the run did not get so far"}, Reverted: true, Receipt: lab.Receipt{Proven: true},
		Machines: []lab.MachineRecord{{Name: "db", Target: true}},
		Checks:   []lab.CheckRecord{{Name: "page", From: "db", Class: lab.ClassNotRun}},
		Dir:      "/var/lib/patchlab/runs/dental/1",
	}
}

func TestText(t *testing.T) {
	for name, rec := range map[string]*lab.Record{"broken": record(), "changed": changed(), "doubtful": doubtful(), "early": early()} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := report.Text(&b, rec, false); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", &b, want)
			}
			for _, bad := range []string{"\x1b", "\x00", "\xff", "\u202e"} {
				if strings.Contains(b.String(), bad) {
					t.Errorf("%q reaches the terminal", bad)
				}
			}
		})
	}
}

func TestTextInColour(t *testing.T) {
	var b bytes.Buffer
	if err := report.Text(&b, record(), true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\x1b[1;31mfail\x1b[0m") {
		t.Errorf("got:\n%s", &b)
	}
}

func TestTextNamesTheClient(t *testing.T) {
	rec := record()
	rec.Client = "Harbour " + hostile
	var b bytes.Buffer
	if err := report.Text(&b, rec, false); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "patch booking-broken on lab dental (Harbour <script>") {
		t.Errorf("got:\n%s", &b)
	}
}

// Also what the operator chose may come from another host's record.
func TestTextIsPrintable(t *testing.T) {
	var b bytes.Buffer
	if err := report.Text(&b, spoiled(hostile, 2, true), false); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\x1b", "\x00", "\xff", "\u202e", "\x07"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%q reaches the terminal in:\n%q", bad, &b)
		}
	}
}

func TestJSONKeepsTheRecord(t *testing.T) {
	var b bytes.Buffer
	if err := report.JSON(&b, record()); err != nil {
		t.Fatal(err)
	}
	var back lab.Record
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Reason != record().Reason || len(back.Checks) != 2 || back.Egress[0].Count != 12 {
		t.Errorf("came back as %+v", back)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWriteErrorsAreReported(t *testing.T) {
	if report.Text(fullDisk{}, record(), false) == nil || report.JSON(fullDisk{}, record()) == nil {
		t.Error("a report that could not be written is no success")
	}
}
