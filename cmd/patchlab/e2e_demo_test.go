//go:build e2e

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// The demo is the main job as README shows it: it exits with 0 only when the
// good patch passed, the broken one failed, and nothing is left.
func TestE2EDemo(t *testing.T) {
	w := newWorld(t)
	w.withoutPast()
	demo := exec.Command("../../examples/dental/demo.sh", "--no-updates")
	demo.Env = append(slices.Clone(w.env), "PATCHLAB="+w.bin)
	out, err := demo.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the demo failed: %v", err)
	}
	runs := map[string]lab.Record{}
	for _, rec := range records(t, w) {
		runs[rec.Patch.Name] = rec
		wellFormed(t, rec)
	}
	good, broken := runs["booking-good"], runs["booking-broken"]
	if good.Verdict != lab.Pass || broken.Verdict != lab.Fail {
		t.Fatalf("verdicts: %s, %s", good.Verdict, broken.Verdict)
	}
	evidence(t, w, good, broken)
}

// records reads every run record of the home.
func records(t *testing.T, w *world) (out []lab.Record) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.home, "runs", "dental", "*", "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var rec lab.Record
		if err := json.Unmarshal(text, &rec); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, rec)
	}
	return out
}

// wellFormed checks what every record of the dental lab has to hold.
func wellFormed(t *testing.T, rec lab.Record) {
	t.Helper()
	if !rec.Reverted || len(rec.Machines) != 3 || len(rec.Checks) == 0 || len(rec.Patch.Files) == 0 {
		t.Errorf("run %s: %+v", rec.Run, rec)
	}
	for _, c := range rec.Checks {
		if rec.Verdict == lab.Pass && !c.Arms[lab.ArmPatched].Passed {
			t.Errorf("run %s passed, but check %q did not: %s", rec.Run, c.Name, c.Message)
		}
	}
	regressed := slices.ContainsFunc(rec.Checks, func(c lab.CheckRecord) bool { return c.Class == lab.ClassRegression })
	if regressed != (rec.Verdict == lab.Fail) {
		t.Errorf("run %s: verdict %s, regressed %v", rec.Run, rec.Verdict, regressed)
	}
	for _, m := range rec.Machines {
		// Empty for a machine that said nothing since it was forked.
		if info, err := os.Stat(filepath.Join(rec.Dir, m.Console)); err != nil || info.IsDir() {
			t.Errorf("run %s: no console log of %s: %v", rec.Run, m.Name, err)
		}
	}
}
