package report_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/report"
)

func compared(t *testing.T, a, b *lab.Record) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Compare(&out, a, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// released is the run of a patch that came again, on a lab that has changed.
func released() *lab.Record {
	r := wholeRecord()
	hash := strings.Repeat("9", 64)
	r.Run, r.Verdict, r.Reason = "20261124-020000-ef56", lab.Pass, "applied on 1 machine, and 3 of 3 checks pass after it"
	r.Started = r.Started.AddDate(0, 0, 1)
	r.Patch.SHA256, r.Patch.Files[0].SHA256, r.Patch.Files[0].Version = hash, hash, "2.4.63-1"
	r.Patch.Files = append(r.Patch.Files, lab.FileRecord{Name: "apache2-bin.deb", SHA256: hash, Version: "2.4.63-1"})
	r.Definition.SHA256 = hash
	r.Definition.Parts = map[string]string{`machine "web"`: "fedcba9876543210", `check "page"`: "0123456789abcdef", `patch "booking.broken"`: "0"}
	ok := r.Checks[0].Arms[lab.ArmBaseline]
	ok.Samples = []float64{0.5, 0.4}
	r.Checks[0].Class, r.Checks[0].Message = lab.ClassOK, "status 200"
	r.Checks[0].Arms[lab.ArmPatched] = ok
	r.Checks[1].Name = "post"
	r.Machines[0].System = "Debian GNU/Linux 13 (trixie)"
	r.Machines[0].Outcome.Status = lab.AlreadyInstalled
	r.Machines = append(r.Machines, lab.MachineRecord{Name: "mail"})
	r.Phases[0].Seconds, r.Seconds = 30, 65
	r.Egress[0].To = "198.51.100.1:443"
	r.Findings = nil
	r.Control = lab.ControlRecord{Mode: "concurrent"}
	r.Changes[0].To = strings.Replace(r.Changes[0].To, "bbbb", "cccc", 1)
	r.Changes = append(r.Changes, lab.StateChange{Machine: "web", Kind: lab.StateUser, Name: "backdoor", To: "0"})
	r.Backout = nil
	r.Receipt.Proven, r.Tool.QEMU, r.Tool.Kernel = false, "8.0", ""
	return r
}

func TestCompare(t *testing.T) {
	old := wholeRecord()
	old.Definition, old.Run, old.Tool.QEMU = lab.Fingerprint{}, "20261001-010000-0001", ""
	again := wholeRecord()
	again.Run, again.Started, again.Seconds = "20261123-140000-0002", again.Started.AddDate(0, 0, 1), 70
	for name, pair := range map[string][2]*lab.Record{
		"released": {wholeRecord(), released()},
		"again":    {wholeRecord(), again},
		"old":      {old, wholeRecord()},
		"began":    {beginning(), soundRecord()},
	} {
		t.Run(name, func(t *testing.T) {
			text := compared(t, pair[0], pair[1])
			golden(t, name+".compare.txt", text)
			for range 20 { // maps come in any order
				if compared(t, pair[0], pair[1]) != text {
					t.Fatal("it says something else each time")
				}
			}
		})
	}
}

func TestCompareFindsNothingInTheSame(t *testing.T) {
	for name, r := range map[string]*lab.Record{"whole": wholeRecord(), "early": beginning(), "bare": bare(), "hostile": spoiled(hostile, 5, true)} {
		if text := compared(t, r, r); !strings.Contains(text, "\nnothing is different\nthe same: ") {
			t.Errorf("%s: got:\n%s", name, text)
		}
	}
}

// single is text with single spaces.
func single(text string) string { return strings.Join(strings.Fields(text), " ") }

// Hashes are shown by their start, and compared whole.
func TestCompareReadsWholeHashes(t *testing.T) {
	a, b := wholeRecord(), wholeRecord()
	b.Patch.SHA256 = a.Patch.SHA256[:63] + "0"
	b.Patch.Files[0].SHA256 = a.Patch.Files[0].SHA256[:63] + "0"
	text := compared(t, a, b)
	for _, whole := range []string{a.Patch.SHA256, b.Patch.SHA256, a.Patch.Files[0].SHA256, b.Patch.Files[0].SHA256} {
		if !strings.Contains(text, whole) {
			t.Errorf("no %s in:\n%s", whole, text)
		}
	}
}

// What is different is told from both sides.
func TestCompareBothWays(t *testing.T) {
	there, back := compared(t, wholeRecord(), released()), compared(t, released(), wholeRecord())
	for _, want := range [][2]string{
		{"ok → regression", "regression → ok"},
		{"only A post", "only B post"},
		{"only A web: user backdoor", "only B web: user backdoor"},
		{`check "page" is gone`, `check "page" is new`},
	} {
		there, back := single(there), single(back)
		if !strings.Contains(back, want[0]) || !strings.Contains(there, want[1]) {
			t.Errorf("no %q in:\n%s\nor no %q in:\n%s", want[0], back, want[1], there)
		}
	}
}

func TestCompareIsPrintable(t *testing.T) {
	bad := spoiled(hostile, 3, true)
	other := spoiled(hostile+"2", 3, true)
	for _, pair := range [][2]*lab.Record{{bad, other}, {bad, wholeRecord()}, {wholeRecord(), bad}, {bare(), bad}} {
		text := compared(t, pair[0], pair[1])
		for _, r := range []string{"\x1b", "\x00", "\xff", "\u202e", "\x07"} {
			if strings.Contains(text, r) {
				t.Errorf("%q reaches the terminal in:\n%q", r, text)
			}
		}
	}
}

func TestCompareIsBounded(t *testing.T) {
	a, b := wholeRecord(), wholeRecord()
	for i := range 5000 {
		b.Changes = append(b.Changes, lab.StateChange{Machine: "web", Kind: lab.StateUser, Name: fmt.Sprint("user", i), To: "1"})
	}
	text := compared(t, a, b)
	if n := strings.Count(text, "\n"); n > 100 || !strings.Contains(text, "and 4960 more in the records") {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

func TestCompareReportsWriteErrors(t *testing.T) {
	if report.Compare(fullDisk{}, record(), record()) == nil {
		t.Error("a comparison that could not be written is no success")
	}
}

// A record is not changed by what is written of it.
func TestReportsLeaveTheRecord(t *testing.T) {
	r := wholeRecord()
	r.Checks = append(slices.Clone(r.Checks), lab.CheckRecord{Name: "z", Class: lab.ClassNotRun})
	before := fmt.Sprint(decoded(t, r))
	junit(t, r)
	markdown(t, r)
	compared(t, r, released())
	if after := fmt.Sprint(decoded(t, r)); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
