package lab_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

// What works until the next reboot is a regression, found by the verifying
// reboot, which the control arm makes as well.
func TestVerifyingReboot(t *testing.T) {
	w := newWorld(t)
	w.fails = func(check string, at moment) bool {
		return check == "page" && at.patched > 0 && at.rebooted > 0 && at.arm != lab.ArmControl
	}
	l := practice()
	l.Patches[0].VerifyReboot = true
	rec, err := w.test(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Verdict != lab.Fail || !strings.Contains(rec.Reason, "only since the reboot") {
		t.Errorf("%s: %s", rec.Verdict, rec.Reason)
	}
	for _, arm := range []lab.Arm{lab.ArmPatched, lab.ArmControl, lab.ArmRerun} {
		if got := strings.Join(w.rebooted[arm], " "); got != "db" {
			t.Errorf("%s rebooted %q", arm, got)
		}
	}
	if !slices.Equal(rec.Spared, []string{"web"}) {
		t.Errorf("spared %v", rec.Spared)
	}
	for _, m := range rec.Machines {
		if m.Verified != (m.Name == "db") || m.Reboots != 0 {
			t.Errorf("%+v", m)
		}
	}
}

// A machine that was rebooted for the patch, or whose patch says never, has no
// further reboot.
func TestNoVerifyingReboot(t *testing.T) {
	for _, never := range []bool{false, true} {
		w := newWorld(t)
		w.pending = map[string]string{"web": "new kernel"}
		w.outcome = map[string]lab.PatchOutcome{"db": {Status: lab.AlreadyInstalled}}
		l := practice()
		l.Patches[0].VerifyReboot = true
		want := "web"
		if never {
			l.Patches[0].Reboot, want = lab.RebootNever, ""
		}
		rec, err := w.test(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(w.rebooted[lab.ArmPatched], " "); got != want || rec.Verdict != lab.Pass {
			t.Errorf("never %v: rebooted %q, %s: %s", never, got, rec.Verdict, rec.Reason)
		}
	}
}

func TestSeveralReboots(t *testing.T) {
	w := newWorld(t)
	w.pending, w.pendingFor = map[string]string{"web": "stage of an update"}, 3
	w.stale = map[string][]string{"web": {"app.service"}}
	rec, err := w.test(t.Context(), practice())
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.rebooted[lab.ArmControl], " "); got != "web web web" || rec.Verdict != lab.Pass {
		t.Errorf("control rebooted %q; %s: %s", got, rec.Verdict, rec.Reason)
	}
	i := slices.IndexFunc(rec.Machines, func(m lab.MachineRecord) bool { return m.Name == "web" })
	if m := rec.Machines[i]; m.Reboots != 3 || m.RebootReason != "stage of an update" || m.Confirmed != "version 2 is in" || len(m.Stale) != 1 {
		t.Errorf("%+v", m)
	}
}

// A machine that never has enough of reboots is the patch's fault, unless it
// was so before.
func TestRestlessMachine(t *testing.T) {
	for _, before := range []bool{false, true} {
		w := newWorld(t)
		w.pending, w.pendingFor = map[string]string{"web": "always"}, 100
		want := lab.Fail
		if before {
			w.asksBefore, want = map[string]string{"web": "always"}, lab.Inconclusive
		}
		rec, err := w.test(t.Context(), practice())
		if err != nil {
			t.Fatal(err)
		}
		if rec.Verdict != want || !strings.Contains(rec.Reason, "still asks for a reboot after 5") {
			t.Errorf("before %v: %s: %s", before, rec.Verdict, rec.Reason)
		}
	}
}

// A patch that is not in any more after the reboot was refused.
func TestNotIn(t *testing.T) {
	w := newWorld(t)
	w.pending = map[string]string{"web": "new kernel"}
	w.notIn = map[string]string{"patched web": "kernel 1 is running, want 2 (hunter22)", "rerun web": "kernel 1 is running"}
	rec, err := w.test(t.Context(), practice())
	if err != nil {
		t.Fatal(err)
	}
	if rec.Verdict != lab.Fail || !strings.Contains(rec.Reason, "is not in: kernel 1 is running") || strings.Contains(rec.Reason, "hunter22") {
		t.Errorf("%s: %s", rec.Verdict, rec.Reason)
	}
}

// changed makes the state of patched machines differ, that of rebooted ones
// too, and leaves something after the patch is taken out.
func changed(m *lab.Machine, at moment, items map[lab.StateKind]map[string]string) {
	if at.rebooted > 0 {
		items[lab.StateService]["counter.service"] = "active static"
	}
	if at.patched > 0 && m.Name == "web" {
		items[lab.StatePackage]["app:all"] = "2"
		items[lab.StateService]["app.service"] = "inactive disabled"
	}
}

func TestStateDifference(t *testing.T) {
	for _, busy := range []bool{false, true} {
		w := newWorld(t)
		w.surveyor, w.busy, w.state = true, busy, changed
		l := practice()
		l.Patches[0].Reboot = lab.RebootAlways
		rec, err := w.test(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Changes) != 2 || rec.Changes[0].Kind != lab.StatePackage || rec.Changes[1].To != "inactive disabled" || rec.Noise == 0 {
			t.Errorf("busy %v: changes %+v, noise %d", busy, rec.Changes, rec.Noise)
		}
		if rec.Verdict != lab.Pass {
			t.Errorf("%s: %s", rec.Verdict, rec.Reason)
		}
	}
}

// An unexpected change fails the patch when it comes again, and only then.
func TestUnexpectedChange(t *testing.T) {
	for name, tt := range map[string]struct {
		severity  lab.Severity
		once      bool
		noControl bool
		want      lab.Verdict
	}{
		"critical":   {severity: lab.Critical, want: lab.Fail},
		"by chance":  {severity: lab.Critical, once: true, want: lab.Pass},
		"warning":    {severity: lab.Warning, want: lab.Pass},
		"no control": {severity: lab.Critical, noControl: true, want: lab.Pass},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.surveyor, w.noControl = true, tt.noControl
			w.state = func(m *lab.Machine, at moment, items map[lab.StateKind]map[string]string) {
				if !tt.once || at.arm != lab.ArmRerun {
					changed(m, at, items)
				}
			}
			l := practice()
			l.Patches[0].Expect = &lab.Expect{Changes: []string{"package"}, Severity: tt.severity}
			rec, err := w.test(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if rec.Verdict != tt.want || len(rec.Findings) != 1 || !strings.Contains(rec.Findings[0].Summary, "app.service") {
				t.Errorf("%s: %s, findings %+v", rec.Verdict, rec.Reason, rec.Findings)
			}
		})
	}
}

func TestBackout(t *testing.T) {
	cannot := map[string]lab.BackoutOutcome{"web": {Status: lab.CannotTakeOut, Message: "no .deb of app 1"}}
	for name, tt := range map[string]struct {
		undo     map[string]lab.BackoutOutcome
		state    func(*lab.Machine, moment, map[lab.StateKind]map[string]string)
		fails    func(string, moment) bool
		required bool
		want     lab.BackoutResult
		verdict  lab.Verdict
		reason   string
	}{
		"clean":    {state: changed, want: lab.BackedOutClean, verdict: lab.Pass, reason: "as before"},
		"cannot":   {undo: cannot, want: lab.NoBackout, verdict: lab.Pass, reason: "no .deb of app 1"},
		"required": {undo: cannot, required: true, want: lab.NoBackout, verdict: lab.Fail, reason: "no .deb of app 1"},
		"leaves": {want: lab.BackedOutLeaves, verdict: lab.Pass, reason: "leaves 1 change", state: func(m *lab.Machine, at moment, items map[lab.StateKind]map[string]string) {
			if at.arm == lab.ArmPatched && at.rebooted > 0 && m.Name == "db" {
				items[lab.StatePackage]["lib:all"] = "1"
			}
		}},
		"broken": {want: lab.BackedOutBroken, verdict: lab.Pass, reason: `check "page"`, fails: func(check string, at moment) bool {
			return check == "page" && at.arm == lab.ArmPatched && at.rebooted > 0
		}},
		"failed": {want: lab.NoBackout, verdict: lab.Pass, reason: "exit 1", undo: map[string]lab.BackoutOutcome{
			"db": {Status: lab.BackoutFailed, Message: "exit 1"},
		}},
	} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, busy %v", name, busy), func(t *testing.T) {
				w := newWorld(t)
				w.busy = busy
				w.surveyor, w.undo, w.state, w.fails = true, tt.undo, tt.state, tt.fails
				l := practice()
				l.Patches[0].Backout = &lab.Backout{Required: tt.required}
				rec, err := w.test(t.Context(), l)
				if err != nil {
					t.Fatal(err)
				}
				b := rec.Backout
				if b == nil || b.Result != tt.want || !strings.Contains(b.Reason, tt.reason) || len(b.Machines) != 2 {
					t.Fatalf("back-out: %+v", b)
				}
				if rec.Verdict != tt.verdict {
					t.Errorf("%s: %s", rec.Verdict, rec.Reason)
				}
				if got := strings.Join(w.takenOut, " "); got != "web db" {
					t.Errorf("taken out of %q, want the last wave first", got)
				}
				if w.alive != 0 {
					t.Errorf("%d instances are left", w.alive)
				}
			})
		}
	}
}

// What was not applied is not taken out.
func TestNothingToBackOut(t *testing.T) {
	w := newWorld(t)
	w.outcome = map[string]lab.PatchOutcome{"db": {Status: lab.PatchFailed, Message: "exit 1"}}
	l := practice()
	l.Patches[0].Backout = &lab.Backout{}
	rec, err := w.test(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if b := rec.Backout; b == nil || b.Result != lab.BackoutNotTried || len(w.takenOut) > 0 || rec.Verdict != lab.Fail {
		t.Errorf("%s, back-out %+v", rec.Verdict, rec.Backout)
	}
}

// crowded counts the checks that are under way while a measuring one is.
type crowded struct {
	*world
	active, beside, measured atomic.Int32
}

func (c *crowded) RunCheck(ctx context.Context, check *lab.Check, at lab.Place) lab.CheckResult {
	n := c.active.Add(1)
	defer c.active.Add(-1)
	if _, ok := check.Spec.(*lab.PerformanceCheck); ok {
		c.measured.Add(1)
		for range 100 {
			c.beside.Add(max(n, c.active.Load()) - 1)
			runtime.Gosched()
		}
	}
	return c.world.RunCheck(ctx, check, at)
}

// Nothing else of the run is under way while a check measures.
func TestMeasuresAlone(t *testing.T) {
	w := newWorld(t)
	c := &crowded{world: w}
	w.checks = c
	l := practice()
	l.Patches[0].Reboot = lab.RebootAlways
	for i := range 4 {
		l.Checks = append(l.Checks, &lab.Check{Name: fmt.Sprint("speed of page ", i), FromNet: l.Networks[0], Severity: lab.Critical, Spec: &lab.PerformanceCheck{}})
	}
	rec, err := w.test(t.Context(), l)
	if err != nil || rec.Verdict != lab.Pass {
		t.Fatalf("%+v, %v", rec, err)
	}
	if c.measured.Load() != 4*5 || c.beside.Load() > 0 { // before, and after each of two waves in two arms
		t.Errorf("%d measurements, %d checks beside them", c.measured.Load(), c.beside.Load())
	}
}

// Nobody waits for a machine that is known to be lost: a check from it fails
// at once.
func TestLostMachineIsNotAsked(t *testing.T) {
	w := newWorld(t)
	died := &lab.GuestError{Machine: "desk", Op: "run", Err: errors.New("no answer")}
	w.applyErr = map[string]error{"patched desk": died, "rerun desk": died}
	w.diagnosis = map[string]lab.Diagnosis{"patched desk": {Condition: lab.NetworkGone}, "rerun desk": {Condition: lab.NetworkGone}}
	l := practice()
	l.Patches[0].Targets = []*lab.Machine{l.Checks[0].From}
	var asked []string
	w.during = func(step string) {
		if strings.Contains(step, "check page") && !strings.HasPrefix(step, "control") {
			asked = append(asked, step)
		}
	}
	rec, err := w.test(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if len(asked) != 1 || rec.Verdict != lab.Fail {
		t.Errorf("%s; the page was asked for by %q, want in the baseline alone", rec.Verdict, asked)
	}
	if got := rec.Checks[0].Arms[lab.ArmPatched]; got.Passed || !strings.Contains(got.Message, "network-gone") {
		t.Errorf("the check after the patch: %+v", got)
	}
}
