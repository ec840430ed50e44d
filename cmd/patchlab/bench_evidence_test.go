//go:build bench

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
	"github.com/patchlab/patchlab/lab/patch"
)

// benchEvidence measures the commands that read the ledger on one of 10,000
// runs, each as a whole process, and the writing of a site over them.
func benchEvidence(t *testing.T, figures map[string]float64) {
	home, err := os.MkdirTemp("/var/tmp", "patchlab-10k-") // not below a folder that QEMU's user cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	if err := os.Chmod(home, 0o711); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, home: home}
	if w.bin, err = program(); err != nil {
		t.Fatal(err)
	}
	w.env = append(os.Environ(), "PATCHLAB_HOME="+w.home, "NO_COLOR=1")
	const dental = "../../examples/dental"
	manyRuns(t, w.home, dental, 10_000)
	slowest := 0.0
	for name, args := range map[string][]string{
		"runs_10k_ms":    {"runs"},
		"history_10k_ms": {"history", "dental"},
		"gate_only_ms":   {"gate", dental + "/patches/good/harbour-booking_1.1_all.deb", "--lab", dental},
	} {
		var ms []float64
		for range rounds(t, 9) {
			ms = append(ms, 1000*timed(func() {
				c := exec.Command(w.bin, args...)
				c.Env = w.env
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
			}))
		}
		figures[name] = median(ms)
		slowest = max(slowest, figures[name])
	}
	figures["gate_10k_ms"] = slowest // of runs, history and gate
	out := filepath.Join(t.TempDir(), "site")
	figures["site_10k_s"] = timed(func() { w.want(0, "site", out) })
	figures["site_again_10k_s"] = timed(func() { w.want(0, "site", out) })
	figures["verify_10k_s"] = timed(func() { w.want(0, "verify") })
}

// manyRuns fills a home with run records and their entries: of 40 labs, and of
// the dental lab, whose good patch passed in the last.
func manyRuns(t *testing.T, home, dental string, n int) {
	t.Helper()
	l, diags := hcl.Load(dental, hcl.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	good, err := selectPatch(l, "booking-good", nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &ledger.Ledger{Dir: filepath.Join(home, "ledger"), Runs: filepath.Join(home, "runs"), Host: "bench"}
	start := time.Now().Add(-time.Duration(n) * time.Hour / 4)
	for i := range n {
		rec := benchRecord(i, start.Add(time.Duration(i)*time.Hour/4))
		if i%41 == 0 || i == n-1 {
			rec.Lab, rec.Client = l.Name, l.Client
		}
		if i == n-1 {
			rec.Verdict = lab.Pass
			if rec.Patch, err = patch.Pin(good); err != nil {
				t.Fatal(err)
			}
			if rec.Definition, err = l.Fingerprint(good); err != nil {
				t.Fatal(err)
			}
		}
		rec.Dir = filepath.Join(home, "runs", rec.Lab, rec.Run)
		if err := os.MkdirAll(rec.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(rec.Dir, "run.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := writeReports(rec.Dir, rec); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Enter(rec); err != nil {
			t.Fatal(err)
		}
	}
}

// hash is a SHA-256 of a number.
func hash(i int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(i)))
	return hex.EncodeToString(sum[:])
}

// benchRecord is a run like those of the dental lab.
func benchRecord(i int, at time.Time) *lab.Record {
	rec := &lab.Record{
		Version: lab.RecordVersion, Lab: fmt.Sprintf("lab-%02d", i%40), Client: fmt.Sprintf("Client %d", i%20),
		Run: fmt.Sprintf("%s-%04x", at.UTC().Format("20060102-150405"), i), Started: at, Seconds: 97,
		Verdict: lab.Pass, Reason: "applied on 1 machine, and 6 of 6 checks pass after it",
		Patch: lab.PatchRecord{Name: fmt.Sprintf("update-%d", i%300), Kind: lab.PatchDeb, SHA256: hash(i), Files: []lab.FileRecord{
			{Name: fmt.Sprintf("update_%d_all.deb", i), SHA256: hash(i + 1), Size: 4096, Package: "update", Version: fmt.Sprint(i), Arch: "all"},
		}},
		Definition: lab.Fingerprint{Dir: "/srv/labs", SHA256: hash(i % 40), Parts: map[string]string{}},
		Receipt:    lab.Receipt{Proven: true}, Reverted: true,
	}
	if i%9 == 0 {
		rec.Verdict, rec.Reason = lab.Fail, `check "page" passed before the patch and fails after it: status 500, want 200`
	}
	for m := range 3 {
		name := fmt.Sprintf("machine-%d", m)
		rec.Machines = append(rec.Machines, lab.MachineRecord{Name: name, Target: m == 0, Wave: 1, Outcome: &lab.PatchOutcome{Status: lab.Applied}})
		rec.Definition.Parts["machine "+name] = hash(m)[:16]
		for c := range 2 {
			result := lab.CheckResult{Passed: true, Message: "status 200", Attempts: 1, Seconds: 0.2}
			rec.Checks = append(rec.Checks, lab.CheckRecord{
				Name: fmt.Sprintf("page %d of %d", c, m), Kind: "http", From: name, Severity: lab.Critical, Class: lab.ClassOK,
				Arms: map[lab.Arm]lab.CheckResult{lab.ArmBaseline: result, lab.ArmControl: result, lab.ArmPatched: result},
			})
		}
		for p := range 8 {
			rec.Phases = append(rec.Phases, lab.PhaseRecord{Name: "check", Arm: lab.ArmPatched, Machine: name, Started: at.Add(time.Duration(p) * time.Second), Seconds: 3})
		}
	}
	return rec
}
