package lab_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// The control arm is rebooted as the patched one is, beside it or afterwards.
func TestControlRepeatsTheReboots(t *testing.T) {
	for _, busy := range []bool{false, true} {
		for policy, want := range map[lab.RebootPolicy][]string{
			lab.RebootAuto: {"web"}, lab.RebootAlways: {"db", "web"}, lab.RebootNever: nil,
		} {
			w := newWorld(t)
			w.busy, w.pending = busy, map[string]string{"web": "new kernel"}
			l := practice()
			l.Patches[0].Reboot = policy
			rec, err := w.test(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.rebooted[lab.ArmControl]; !slices.Equal(got, want) || !slices.Equal(got, w.rebooted[lab.ArmPatched]) {
				t.Errorf("busy %v, %s: control rebooted %v, want %v", busy, policy, got, want)
			}
			if len(w.applied[lab.ArmControl]) > 0 || !rec.Checks[0].Arms[lab.ArmControl].Passed {
				t.Errorf("patched %v in the control arm, checks %+v", w.applied, rec.Checks[0].Arms)
			}
			if most := map[bool]int{false: 2, true: 1}[busy]; w.mostAlive != most {
				t.Errorf("busy %v: %d instances at once, want %d", busy, w.mostAlive, most)
			}
			if w.patient[lab.ArmControl] != busy || !w.patient[lab.ArmPatched] {
				t.Errorf("busy %v: patient %v", busy, w.patient)
			}
			if strings.Contains(rec.Control.Reason, "hunter22") {
				t.Errorf("the reason holds the secret: %s", rec.Control.Reason)
			}
		}
	}
}

// A check that fails after a reboot without the patch as well does not stop
// the later waves; one that only the patch breaks does.
func TestControlDecidesWhetherTheNextWaveComes(t *testing.T) {
	for arm, want := range map[lab.Arm][]string{lab.ArmControl: {"db", "web"}, lab.ArmRerun: {"db"}} {
		w, l := newWorld(t), practice()
		w.fails = pageFails(lab.ArmPatched, arm)
		always(l)
		if _, err := w.test(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		if got := w.applied[lab.ArmPatched]; !slices.Equal(got, want) {
			t.Errorf("failing in %s as well: patched %v, want %v", arm, got, want)
		}
	}
}

// The re-run goes exactly as far as the patched arm came, with its reboots,
// alone in memory; the record says what was seen in each arm.
func TestRerunRepeats(t *testing.T) {
	w, l := newWorld(t), practice()
	w.fails = pageFails(lab.ArmPatched, lab.ArmRerun)
	always(l)
	rec, err := w.test(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.applied[lab.ArmRerun], []string{"db"}) || !slices.Equal(w.rebooted[lab.ArmRerun], []string{"db"}) || w.mostAlive != 2 {
		t.Errorf("re-run: patched %v, rebooted %v, %d at once", w.applied, w.rebooted, w.mostAlive)
	}
	arms := rec.Checks[0].Arms
	if len(arms) != 4 || !arms[lab.ArmBaseline].Passed || !arms[lab.ArmControl].Passed || arms[lab.ArmPatched].Passed || arms[lab.ArmRerun].Passed {
		t.Errorf("arms %+v", arms)
	}
	if rec.Machines[1].Reboots != 1 {
		t.Errorf("the re-run's reboot counts in the record: %+v", rec.Machines[1])
	}
	for _, phase := range []string{
		"ready db boot", "patched fork", "baseline check", "control fork", "patched db patch", "patched db reboot", "control db reboot",
		"patched check", "control check", "patched revert", "control revert", "rerun fork", "rerun db patch", "rerun db reboot",
		"rerun check", "rerun revert", "patched prove",
	} {
		if !w.phases[phase] {
			t.Errorf("no phase %q in %v", phase, w.phases)
		}
	}
	if len(rec.Egress) != 1 || rec.Egress[0].Count != 9 {
		t.Errorf("egress of three instances: %+v", rec.Egress)
	}
}

// A patch that was refused once, and only once, is the one reason that is
// given: it was tried, though nothing was changed.
func TestRefusedOnceIsTheReason(t *testing.T) {
	w, l := newWorld(t), practice()
	w.outcome = map[string]lab.PatchOutcome{"patched db": {Status: lab.PatchFailed, Message: "exit code 1"}}
	l.Patches[0].Targets = []*lab.Machine{l.Machines[1]}
	rec, err := w.test(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if want := `the patch could not be applied on "db": exit code 1; it did not show again in a re-run from a fresh fork`; rec.Reason != want {
		t.Errorf("reason: %s", rec.Reason)
	}
}

// The reason of a pass counts what held every time.
func TestPassCountsWhatHeld(t *testing.T) {
	w, l := newWorld(t), practice()
	l.Checks = append(l.Checks, &lab.Check{Name: "mail", FromNet: l.Networks[0], Severity: lab.Warning, Spec: &lab.TCPCheck{}})
	w.fails = func(c string, at moment) bool {
		failing := map[lab.Arm]string{lab.ArmPatched: "speed", lab.ArmRerun: "mail"}
		return at.patched > 0 && c == failing[at.arm]
	}
	rec, err := w.test(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if want := "applied on 2 machines, and 1 of 3 checks pass after it"; rec.Verdict != lab.Pass || rec.Reason != want {
		t.Errorf("%s: %s", rec.Verdict, rec.Reason)
	}
	if rec.Checks[1].Class != lab.ClassFlaky || rec.Checks[2].Class != lab.ClassFlaky {
		t.Errorf("speed is %s, mail is %s", rec.Checks[1].Class, rec.Checks[2].Class)
	}
}
