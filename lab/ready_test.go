package lab_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestBootFollowsDependencies(t *testing.T) {
	w := newWorld(t)
	if _, err := w.test(t.Context(), practice()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"db", "web", "desk"}; !slices.Equal(w.booted, want) {
		t.Errorf("booted %v, want %v", w.booted, want)
	}
}

func TestDependentsOfADeadMachineStayOff(t *testing.T) {
	w := newWorld(t)
	w.bootErr = map[string]error{"web": &lab.GuestError{Machine: "web", Op: "boot", Err: errors.New("dead")}}
	rec, err := w.test(t.Context(), practice())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.booted, []string{"db"}) || len(rec.Findings) != 1 {
		t.Errorf("booted %v, findings %v", w.booted, rec.Findings)
	}
}

// A ready state that cannot be made because of a machine is a finding, with
// the console that was left; there was no instance, so nothing is to be proven.
func TestReadyFailsBecauseOfAMachine(t *testing.T) {
	w := newWorld(t)
	w.bootErr = map[string]error{"db": &lab.GuestError{Machine: "db", Op: "boot", Err: errors.New("dead"), Tail: "No bootable device"}}
	rec, err := w.test(t.Context(), practice())
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Findings) != 1 || rec.Findings[0].Arm != lab.ArmReady || rec.Findings[0].Tail != "No bootable device" {
		t.Errorf("findings %+v", rec.Findings)
	}
	if rec.Verdict != lab.Inconclusive || !rec.Reverted || len(rec.Receipt.Instances) > 0 || len(w.forked) > 0 || w.proved != nil {
		t.Errorf("verdict %s, receipt %+v, forked %v", rec.Verdict, rec.Receipt, w.forked)
	}
	console, err := os.ReadFile(filepath.Join(rec.Dir, rec.Machines[1].Console))
	if err != nil || strings.Contains(string(console), "hunter22") {
		t.Errorf("db's console: %q, %v", console, err)
	}
}

// A fork that fails because of a machine says nothing about the patch.
func TestForkFailsBecauseOfAMachine(t *testing.T) {
	w := newWorld(t)
	w.forkErr = map[lab.Arm]error{lab.ArmPatched: &lab.GuestError{Machine: "db", Op: "reach", Err: errors.New("no answer")}}
	rec, err := w.test(t.Context(), practice())
	if err != nil {
		t.Fatal(err)
	}
	if rec.Verdict != lab.Inconclusive || rec.Findings[0].Arm != lab.ArmPatched || rec.Ready.Key != "beef" {
		t.Errorf("record %+v", rec)
	}
}

func TestFaultsBeforeAnInstanceAreErrors(t *testing.T) {
	busy := &lab.BusyError{What: "memory", Holder: "lab \"x\""}
	w := newWorld(t)
	w.forkErr = map[lab.Arm]error{lab.ArmPatched: busy}
	if _, err := w.test(t.Context(), practice()); !errors.Is(err, busy) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(w.runs()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestErrorBeforeAnInstanceLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.readyErr = &lab.HostError{Op: "build the image", Err: errors.New("no mmdebstrap"), Hint: "make setup"}
	if _, err := w.test(t.Context(), practice()); !errors.Is(err, w.readyErr) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(w.runs()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
